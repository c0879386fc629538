"""S4: the gateway asks nobody whom a caller names: what its operator wrote down is asked, and nothing else.

Server-side request forgery: https://owasp.org/www-community/attacks/Server_Side_Request_Forgery.
"""

import itertools
import json
import socket
import threading
from collections import Counter

import pytest
from dialect_calls import DIALECTS
from edge import CONFIG, edge, eventually

from gateway.config.units import UnreadableError
from gateway.config.urls import base_url, url

ELSEWHERE = ("file:///etc/passwd", "unix:///run/x.sock", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "//127.0.0.1/", "")
PROVIDERS = """
  chat: {base_url: SIM_URL/v1, key: SECRET, dialects: [openai-chat], prices: sim}
  claude: {base_url: SIM_URL/v1, key: SECRET, dialects: [anthropic-messages], prices: sim}
  google: {base_url: SIM_URL/v1beta/openai, key: SECRET, dialects: [gemini]}
models:
  chat: {deployments: [chat/sim-small]}
  claude: {deployments: [claude/sim-small]}
  google: {deployments: [google/gemini-2.5-flash]}
"""
MANY = CONFIG.replace("\nmodels:\n", PROVIDERS)
TRANSLATED = (
    *(("openai-chat", "claude"), ("openai-chat", "google"), ("openai-responses", "chat"), ("gemini", "chat")),
    *(("openai-responses", "claude"), ("anthropic-messages", "chat"), ("anthropic-messages", "google")),
)
STORED = {"s3Location": {"uri": "URL/converse"}}
SHOWN = {
    "openai-chat": (
        {"type": "image_url", "image_url": {"url": "URL/image.png"}},
        {"type": "file", "file": {"file_id": "URL/file.pdf"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "URL/file.pdf"}},
        {"type": "video_url", "video_url": {"url": "URL/film.mp4"}},
        {"type": "text", "text": "URL/text"},
    ),
    "openai-responses": (
        {"type": "input_image", "image_url": "URL/image.png"},
        {"type": "input_file", "file_url": "URL/file.pdf"},
        {"type": "input_text", "text": "URL/text"},
    ),
    "anthropic-messages": (
        {"type": "image", "source": {"type": "url", "url": "URL/image.png"}},
        {"type": "document", "source": {"type": "url", "url": "URL/file.pdf"}},
        {"type": "text", "text": "URL/text"},
    ),
    "gemini": (
        {"fileData": {"mimeType": "image/png", "fileUri": "URL/image.png"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "URL/file.pdf"}},
        {"text": "URL/text"},
    ),
    "bedrock-converse": (
        {"image": {"format": "png", "source": STORED}},
        {"document": {"format": "pdf", "name": "a", "source": STORED}},
        {"text": "URL/text"},
    ),
}
NAMED = ("base_url", "api_base", "endpoint", "url", "webhook", "callback_url", "api_url", "proxy")
DISGUISED = (
    *("https://127.0.0.1:PORT/", "https://localhost:PORT/", "https://2130706433:PORT/", "https://0x7f.1:PORT/"),
    *("https://0177.0.0.1:PORT/", "https://[::1]:PORT/", "https://[::ffff:127.0.0.1]:PORT/", "https://127.1:PORT/"),
    *("https://%31%32%37.0.0.1:PORT/", "https://127.0.0.1.:PORT/", "https://x@127.0.0.1:PORT/"),
    "https://169.254.169.254:PORT/latest/meta-data/",
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("forgery"), MANY) as running:
        yield running


@pytest.fixture
def inside():
    """A server in the gateway's own network that nobody should ask: its address, and who came."""
    server, came = socket.create_server(("127.0.0.1", 0)), []

    def listen():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            came.append(line)
            line.close()

    threading.Thread(target=listen, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", came
    server.close()


def call(**fields):
    said = {"model": "sim-small", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    return json.dumps(said | fields).encode()


def told(shown, how, asked, came):
    """A row's figure: how many came to the server inside."""
    shown("S4", how, f"{len(came)} connections in {asked} calls", target="0 connections", met=not came, asked=asked)


def showing(dialect, model, part, address):
    """Where a call that shows what lies at this address goes, and its body."""
    text = {"bedrock-converse": {"text": "Hi"}, "gemini": {"text": "Hi"}, "openai-responses": {"type": "input_text"}}
    content = [part, text.get(dialect, {"type": "text"}) | {"text": "Hi"}]
    spoken = DIALECTS[dialect]
    held = "parts" if dialect == "gemini" else "content"
    fields = spoken.fields | ({"model": model} if "model" in spoken.fields else {})
    said = fields | {spoken.said: [{"role": "user", held: content}]}
    return spoken.whole_path.replace("sim-small", model), json.dumps(said).replace("URL", address).encode()


def test_addresses_in_a_prompt_are_passed_on_and_never_fetched(gate, inside, shown):
    """In every dialect, to a provider that speaks it and to those who are spoken to in another one. What cannot be
    said in that one is refused."""
    address, came = inside
    answered, asked = Counter(), 0
    for dialect, parts in SHOWN.items():
        for model in ("sim-small", "chat", "claude", "google"):
            for scheme, part in itertools.product(("http", "https"), parts):
                path, body = showing(dialect, model, part, address.replace("http", scheme))
                found = gate.ask(body, path=path)
                assert found.status in (200, 400), (path, body, found.body)
                answered[dialect, model] += found.status == 200
                asked += 1
    assert all(answered[pair] > 2 for pair in TRANSLATED), "texts go there anyway, and something beside them must"
    told(shown, "addresses of images and files in prompts, of all dialects and translated", asked, came)


def test_no_field_of_a_call_says_whom_to_ask(gate, inside, shown):
    """Whatever the provider thinks of a field that it does not know: it was the configured one who was asked."""
    address, came = inside
    for name in NAMED:
        billed = len(gate.bill())
        found = gate.ask(call(**{name: address}), {f"x-{name}": address, "x-forwarded-host": address.split("/")[-1]})
        assert found.status in (200, 400), name
        assert len(gate.bill()) == billed + (found.status == 200), name
    told(shown, "fields and headers such as base_url", len(NAMED), came)


def test_a_caller_s_webhook_leads_to_no_address_of_ones_own(tmp_path, inside, shown):
    """It is refused when it is named, or found to be none of the public ones when it is asked."""
    address, came = inside
    with edge(tmp_path, CONFIG) as gate:
        taken = 0
        for disguised in DISGUISED:
            hook = {"x-fareway-deadline": "1h", "x-fareway-webhook": disguised.replace("PORT", address.split(":")[-1])}
            found = gate.ask(call(), hook)
            assert found.status in (200, 202, 400), found.body
            taken += found.status == 202
        assert taken > len(DISGUISED) // 2
        eventually(lambda: gate.gate.stderr.count("was not told") >= taken, 60)
    told(shown, "webhooks at 12 spellings of an internal address", len(DISGUISED), came)


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("reads", [url, base_url])
def test_only_http_is_asked_whoever_names_it(address, reads):
    with pytest.raises(UnreadableError):
        reads(address)
