"""S4: the gateway asks nobody whom a caller names: what its operator wrote down is asked, and nothing else.

Server-side request forgery: https://owasp.org/www-community/attacks/Server_Side_Request_Forgery.
"""

import json
import socket
import threading

import pytest
from edge import CONFIG, edge, eventually

from gateway.config.units import UnreadableError
from gateway.config.urls import base_url, url

ELSEWHERE = ("file:///etc/passwd", "unix:///run/x.sock", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "//127.0.0.1/", "")
IMAGE = {"type": "image_url", "image_url": {"url": "URL/image.png"}}
FILE = {"type": "file", "file": {"file_id": "URL/file.pdf", "file_data": "URL/file.pdf"}}
NAMED = ("base_url", "api_base", "endpoint", "url", "webhook", "callback_url", "api_url", "proxy")
DISGUISED = (
    *("https://127.0.0.1:PORT/", "https://localhost:PORT/", "https://2130706433:PORT/", "https://0x7f.1:PORT/"),
    *("https://0177.0.0.1:PORT/", "https://[::1]:PORT/", "https://[::ffff:127.0.0.1]:PORT/", "https://127.1:PORT/"),
    *("https://%31%32%37.0.0.1:PORT/", "https://127.0.0.1.:PORT/", "https://x@127.0.0.1:PORT/"),
    "https://169.254.169.254:PORT/latest/meta-data/",
)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("forgery")) as running:
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


def test_addresses_in_a_prompt_are_passed_on_and_never_fetched(gate, inside, shown):
    address, came = inside
    parts = json.loads(json.dumps([IMAGE, FILE, {"type": "text", "text": f"{address}/text"}]).replace("URL", address))
    assert gate.ask(call(messages=[{"role": "user", "content": parts}])).status == 200
    block = {"type": "image", "source": {"type": "url", "url": f"{address}/image"}}
    said = call(messages=[{"role": "user", "content": [block, {"type": "text", "text": "Hi"}]}])
    assert gate.ask(said, path="/v1/messages").status == 200
    told(shown, "addresses of images and files in prompts", 2, came)


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
