"""The list of models, as the client of each dialect reads it, and only what its key may use."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import quote

import anthropic
import harness
import openai
import pytest
from google import genai

pytestmark = pytest.mark.xdist_group("models")

CONFIG = """
providers:
  openai: {base_url: 'http://127.0.0.1:9/v1'}
  anthropic: {base_url: 'http://127.0.0.1:9/v1'}
  google: {base_url: 'http://127.0.0.1:9/v1beta/openai'}
  vllm: {base_url: 'http://127.0.0.1:9/v1'}
models:
  house: {deployments: [vllm/house-8b]}
  both: {deployments: [openai/gpt-5, anthropic/claude-sonnet-4-5]}
aliases: {mine: house}
tiers: {premium: [both], economy: [house]}
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    env = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "a-key")
    running = harness.gateway(tmp_path_factory.mktemp("models"), CONFIG, env=env)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture(scope="module")
def few(gate):
    names = "house,openai/gpt-5,gpt-5,claude-sonnet-4-5,gemini-2.5-flash,gemini-embedding-001"
    return harness.make_key(gate.home, "--models", names, config=gate.home / "fareway.yaml")


def got(gate, path, key, headers=()):
    asked = urllib.request.Request(f"{gate.url}{path}", headers={"Authorization": f"Bearer {key}"} | dict(headers))
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_openais_client_lists_every_name_and_finds_each(gate, few):
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as client:
        found = {model.id: model for model in client.models.list()}
        assert {"house", "both", "mine", "premium", "auto", "gpt-5", "openai/gpt-5"} <= found.keys()
        assert (found["gpt-5"].owned_by, found["both"].owned_by, found["mine"].owned_by) == (
            "openai",
            "fareway",
            "vllm",
        )
        assert {model.created for model in found.values()} == {0}, "nobody knows"
        for name in ("house", "openai/gpt-5", "gpt-5-2025-08-07", "anthropic/claude-sonnet-4-5"):
            assert client.models.retrieve(name).id == name
        for name in ("gpt-nothing", "openai/nothing", "nobody/gpt-5"):
            with pytest.raises(openai.NotFoundError) as refused:
                client.models.retrieve(name)
            assert refused.value.code == "model_not_found"
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=few, max_retries=0) as client:
        assert len(list(client.models.list())) == 6
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("both")


def test_a_slash_in_a_name_may_be_written_in_both_ways(gate, few):
    for name in ("openai/gpt-5", quote("openai/gpt-5", safe="")):
        assert got(gate, f"/v1/models/{name}", few)[1]["id"] == "openai/gpt-5"


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
def test_anthropics_client_lists_what_it_can_ask_for_page_by_page(gate, few, prefix):
    with anthropic.Anthropic(base_url=f"{gate.url}{prefix}", api_key=few, max_retries=0) as client:
        first = client.models.list(limit=1)
        ids = [model.id for model in client.models.list(limit=1)]
        assert "claude-sonnet-4-5" in ids
        assert (first.data[0].type, first.data[0].created_at) == ("model", datetime(1970, 1, 1, tzinfo=UTC))
        assert (first.first_id, first.last_id) == (ids[0], ids[0])
        assert client.models.retrieve("claude-sonnet-4-5").max_tokens == 64_000
        back = client.models.list(limit=1, before_id=ids[-1])
        assert [model.id for model in back.data] == ids[-2:-1]
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("gpt-4o")
        with pytest.raises(anthropic.BadRequestError, match="after_id"):
            client.models.list(after_id="nothing")
    assert prefix != "/anthropic" or ids == ["claude-sonnet-4-5"]


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_googles_client_lists_what_it_can_ask_for_page_by_page(gate, few, version):
    options = {"base_url": gate.url, "api_version": version}
    client = genai.Client(api_key=few, http_options=options)
    try:
        found = {model.name: model for model in client.models.list(config={"page_size": 1})}
        assert {"models/gemini-2.5-flash", "models/gemini-embedding-001"} <= found.keys()
        assert {"models/house", "models/gpt-5"} <= found.keys(), "they speak chat, to which such calls are carried"
        assert found["models/house"].supported_actions == ["generateContent", "streamGenerateContent"]
        assert {"generateContent", "countTokens"} <= set(found["models/gemini-2.5-flash"].supported_actions)
        one = client.models.get(model="gemini-2.5-flash")
        assert (one.name, one.output_token_limit) == ("models/gemini-2.5-flash", 65_536)
        with pytest.raises(genai.errors.ClientError) as refused:
            client.models.get(model="gemini-nothing")
        assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    finally:
        client.close()


def test_a_prefix_lists_what_is_at_that_provider(gate):
    admin = gate.tokens[0]
    names = {model["id"] for model in got(gate, "/vllm/v1/models", admin)[1]["data"]}
    assert names == {"house", "mine", "economy", "auto"}
    assert got(gate, "/openai/v1/models/both", admin)[1]["id"] == "both"
    assert got(gate, "/openai/v1/models/house", admin)[0] == 404
    status, found = got(gate, "/gemini/v1beta/models?pageSize=3", admin)
    assert (status, len(found["models"]), found["nextPageToken"]) == (200, 3, "3")


SHAPES = [
    ("/v1/models", {}, {"object", "data"}),
    ("/v1/models", {"anthropic-version": "2023-06-01"}, {"data", "has_more", "first_id", "last_id"}),
    ("/anthropic/v1/models", {}, {"data", "has_more", "first_id", "last_id"}),
    ("/v1beta/models", {}, {"models", "nextPageToken"}),
    ("/gemini/v1beta/models", {}, {"models"}),
]


@pytest.mark.parametrize(("path", "headers", "fields"), SHAPES)
def test_each_is_answered_in_its_own_shape(gate, path, headers, fields):
    status, found = got(gate, path, gate.tokens[1], headers)
    assert (status, found.keys() & fields) == (200, fields)


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/v1/models?limit=x", {"anthropic-version": "1"}, "invalid_request_error"),
        ("/v1/models?limit=0", {"anthropic-version": "1"}, "invalid_request_error"),
        ("/v1/models?limit=99999999999999", {"anthropic-version": "1"}, "invalid_request_error"),
        ("/v1beta/models?pageToken=x", {}, "INVALID_ARGUMENT"),
        ("/v1beta/models?pageSize=1001", {}, "INVALID_ARGUMENT"),
    ],
)
def test_what_is_no_page_is_refused_in_its_own_shape(gate, path, headers, said):
    status, found = got(gate, path, gate.tokens[1], headers)
    assert (status, found["error"].get("type", found["error"].get("status"))) == (400, said)


@pytest.mark.parametrize("shown", ["authorization", "x-goog-api-key", "query"])
def test_a_stranger_sees_no_name(gate, shown):
    path = "/v1/models?key=nothing" if shown == "query" else "/v1/models"
    asked = urllib.request.Request(f"{gate.url}{path}", headers={} if shown == "query" else {shown: "Bearer x"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=30)
    with refused.value as answer:
        said = json.load(answer)["error"]
    assert answer.code == 401
    assert ("status" in said) == (shown != "authorization")
