"""Where a path leads: nothing that is metered can be written so that it passes for something else."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.prefixes import located
from gateway.catalog.providers import KNOWN
from gateway.core.errors import BadRequest, GatewayError, NotFound
from gateway.front.paths import REMEMBERED_MAX, Ways, nothing_at, way_of

LOCAL = replace(KNOWN["vllm"], name="local", base_url="http://10.0.0.5:8000/v1")
BARE = replace(KNOWN["vllm"], name="bare", base_url="http://10.0.0.6:8000")
PROVIDERS = {
    name: replace(KNOWN[name], region="eu-west-1", project="p")
    for name in ("openai", "groq", "google", "bedrock", "anthropic", "cohere", "perplexity", "vertex")
} | {"local": LOCAL, "bare": BARE}


@pytest.mark.parametrize(
    ("path", "provider", "dialect"),
    [
        ("/openai/v1/chat/completions", "openai", "openai-chat"),
        ("/openai/v1/chat/completions/", "openai", "openai-chat"),
        ("//openai//v1///chat/completions", "openai", "openai-chat"),
        ("/openai/chat/completions", "openai", "openai-chat"),
        ("/openai/v1/chat/%63ompletions", "openai", "openai-chat"),
        ("/openai/v1/responses", "openai", "openai-responses"),
        ("/openai/v1/responses/input_tokens", "openai", "openai-count-tokens"),
        ("/openai/v1/images/edits", "openai", "openai-images"),
        ("/groq/openai/v1/chat/completions", "groq", "openai-chat"),
        ("/groq/v1/chat/completions", "groq", "openai-chat"),
        ("/anthropic/v1/messages", "anthropic", "anthropic-messages"),
        ("/gemini/v1beta/models/gemini-3-pro:generateContent", "google", "gemini"),
        ("/google/v1/models/gemini-3-pro:streamGenerateContent", "google", "gemini"),
        ("/gemini/v1beta/openai/chat/completions", "google", "openai-chat"),
        ("/bedrock/model/arn%3Aaws%3Abedrock%2Fx/converse", "bedrock", "bedrock-converse"),
        ("/cohere/v2/chat", "cohere", "cohere-chat"),
        ("/cohere/chat", "cohere", "cohere-chat"),
        ("/perplexity/chat/completions", "perplexity", "openai-chat"),
        (
            "/vertex/v1/projects/p/locations/eu-west-1/publishers/google/models/g:generateContent",
            "vertex",
            "gemini",
        ),
        ("/local/v1/chat/completions", "local", "openai-chat"),
        ("/bare/v1/chat/completions", "bare", "openai-chat"),
        ("/bare/chat/completions", "bare", "openai-chat"),
    ],
)
def test_a_known_surface_below_a_prefix_is_that_surface_at_that_provider(path, provider, dialect):
    way = way_of(path, PROVIDERS)
    assert (way.provider.name, way.surface.dialect.name) == (provider, dialect)


@pytest.mark.parametrize(
    ("prefix", "path", "dialect"),
    [
        ("/anthropic", "/v1/messages", "anthropic-messages"),
        ("/gemini", "/v1beta/models/g:generateContent", "gemini"),
        ("/gemini", "/v1/models/g:embedContent", "gemini-embeddings"),
        ("/bedrock", "/model/m/converse", "bedrock-converse"),
        ("/cohere", "/v2/chat", "cohere-chat"),
    ],
)
def test_a_dialects_name_is_an_alias_where_no_provider_has_it(prefix, path, dialect):
    for way in (way_of(f"{prefix}{path}", {}), way_of(path, PROVIDERS)):
        assert (way.provider, way.surface.dialect.name) == (None, dialect)


def test_a_known_provider_that_is_not_used_says_so():
    with pytest.raises(NotFound, match="No provider named xai"):
        way_of("/xai/v1/chat/completions", PROVIDERS)


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/chat/completions/", "/v1//models", "/../x", "/openai", "/xai"])
def test_a_path_without_a_prefix_is_taken_as_it_is(path):
    way = way_of(path, PROVIDERS)
    assert (way.path, way.provider, way.surface) == (path, None, None)


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/chat/completions", "ends with /v1"),
        ("/models", "ends with /v1"),
        ("/v1/v1/messages", "ends without /v1"),
        ("/v1/v1/models", "ends without /v1"),
        ("/v1/v1beta/models/m:generateContent", "ends without /v1"),
        ("/v1/chat/completions/", "without a slash"),
        ("/v1beta/models/", "without a slash"),
        ("/admin/v1/budgets", "The admin API has a port of its own: 4001, or server.admin_port"),
        ("/v1/assistants", "There is nothing at this path."),
        ("/", "There is nothing at this path."),
    ],
)
def test_who_has_the_wrong_base_url_is_told_so(path, advice):
    assert nothing_at(path).endswith(advice) or f"{advice}:" in nothing_at(path) or f"{advice}." in nothing_at(path)


@pytest.mark.parametrize(
    "rest",
    [
        "/v1/fine_tuning/../chat/completions",
        "/v1/./chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat%2fcompletions",
        "/v1/chat%5Ccompletions",
        "/v1/chat\\completions",
        "/v1/chat/completions;x=1",
        "/v1/chat/completions%3Bx",
        "/v1/chat/%2563ompletions",
        "/v1/chat/completions%00",
        "/v1/chat/completions%0a",
        "/v1/chat/completions%3Fx",
        "/v1/chat/completions%23",
        "/v1/chat/%",
        "/v1/chat/%zz",
        "/v1/cha t/x",
        "/v1/\xe9",
    ],
)
def test_what_others_may_read_in_another_way_is_refused(rest):
    with pytest.raises(BadRequest):
        way_of(f"/openai{rest}", PROVIDERS)


@pytest.mark.parametrize(
    "rest", ["/V1/chat/completions", "/v1/Chat/Completions", "/v1/RESPONSES/resp_1", "/v1/Batches", "/v1/Models/x/y"]
)
def test_capital_letters_make_no_other_path(rest):
    with pytest.raises(NotFound):
        way_of(f"/openai{rest}", PROVIDERS)


def spelled(draw, path):
    """The path with letters encoded or made capital, slashes doubled, and steps that lead nowhere."""
    parts = []
    for character in path:
        how = draw(st.integers(0, 12))
        if character == "/":
            parts.append({0: "//", 1: "/./", 2: "/x/../", 3: "%2F", 4: "/%2e/", 5: "\\", 6: ";a/"}.get(how, "/"))
        else:
            encoded = f"%{ord(character):02X}"
            written = {0: encoded, 1: character.upper(), 2: encoded.lower(), 3: f"%25{encoded[1:]}"}
            parts.append(written.get(how, character))
    return "".join(parts) + draw(st.sampled_from(["", "", "/", "//", ";", "%00", "%20", "."]))


def meant(url: str) -> str:
    """What the most careless of servers would take the path for."""
    path = unquote(unquote(re.sub(r"https?://[^/]+", "", url))).replace("\\", "/")
    path = re.sub(r";[^/]*", "", path).strip().rstrip("\0").lower()
    found: list[str] = []
    for part in path.split("/"):
        if part == "..":
            found = found[:-1]
        elif part not in ("", "."):
            found.append(part)
    return "/" + "/".join(found)


@settings(deadline=None, max_examples=1500)
@given(st.data(), st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses/resp_1", "/v1/embeddings"]))
def test_however_it_is_written_it_is_metered_as_what_it_is_or_refused(data, path):
    try:
        way = way_of(f"/openai{spelled(data.draw, path)}", PROVIDERS)
    except GatewayError:
        return
    if way.surface is None and way.provider is not None and not way.path.startswith("/v1/responses/"):
        assert meant(located(way.provider, way.rest).url) != path


def test_ways_are_remembered_and_not_without_end():
    ways = Ways(PROVIDERS)
    for number in range(REMEMBERED_MAX + 5):
        path = f"/gemini/v1beta/models/g{number}:generateContent"
        assert ways.find(path) is ways.find(path)
        assert ways.find(path) == way_of(path, PROVIDERS)
    assert len(ways._known) == 5
    for other in ("/v1/responses/resp_1", "/openai/v1/files", f"/gemini/v1/models/{'g' * 300}:countTokens"):
        assert ways.find(other) == way_of(other, PROVIDERS)
    assert len(ways._known) == 5
    with pytest.raises(BadRequest):
        ways.find("/openai/../x")


@pytest.mark.parametrize(
    ("name", "rest", "url"),
    [
        ("openai", "/v1/fine_tuning/jobs", "https://api.openai.com/v1/fine_tuning/jobs"),
        ("openai", "/fine_tuning/jobs", "https://api.openai.com/v1/fine_tuning/jobs"),
        ("openai", "/v2/x", "https://api.openai.com/v2/x"),
        ("groq", "/openai/v1/batches", "https://api.groq.com/openai/v1/batches"),
        ("groq", "/v1/batches", "https://api.groq.com/openai/v1/batches"),
        ("google", "/v1beta/files", "https://generativelanguage.googleapis.com/v1beta/files"),
        ("google", "/v1/files", "https://generativelanguage.googleapis.com/v1/files"),
        ("google", "/v1beta/openai/files", "https://generativelanguage.googleapis.com/v1beta/openai/files"),
        ("google", "/files", "https://generativelanguage.googleapis.com/v1beta/openai/files"),
        ("bedrock", "/async-invoke", "https://bedrock-runtime.eu-west-1.amazonaws.com/async-invoke"),
        ("bedrock", "/openai/v1/files", "https://bedrock-mantle.eu-west-1.api.aws/openai/v1/files"),
        (
            "vertex",
            "/v1/projects/p/locations/eu-west-1/cachedContents",
            "https://eu-west-1-aiplatform.googleapis.com/v1/projects/p/locations/eu-west-1/cachedContents",
        ),
        ("local", "/v1/score", "http://10.0.0.5:8000/v1/score"),
        ("local", "/tokenize", "http://10.0.0.5:8000/v1/tokenize"),
        ("bare", "/v1/score", "http://10.0.0.6:8000/v1/score"),
        ("bare", "/tokenize", "http://10.0.0.6:8000/tokenize"),
    ],
)
def test_where_a_path_lies_at_its_provider(name, rest, url):
    assert located(PROVIDERS[name], rest).url == url


def test_the_native_address_has_its_own_way_to_show_the_key():
    google = replace(PROVIDERS["google"], key="k")
    assert located(google, "/v1beta/files").access.headers == {"x-goog-api-key": "k"}
    assert located(google, "/v1beta/openai/files").access.headers == {"authorization": "Bearer k"}


@pytest.mark.parametrize("prefix", ["", "/openai"])
@pytest.mark.parametrize("model", ["gpt-5", "openai/gpt-5", "ft:gpt-5:org::1"])
def test_a_model_in_a_path_may_hold_slashes(prefix, model):
    for written in (model, quote(model, safe="")):
        way = way_of(f"{prefix}/v1/models/{written}", PROVIDERS)
        assert (way.path, way.model) == ("/v1/models", model)
