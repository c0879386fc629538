"""Streams whose callers leave while others may still want them: read on, under the same hold, to the same end."""

import json
import threading
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import openai
import pytest
from road import billed, road, said, spent

pytestmark = pytest.mark.xdist_group("streaming")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  google: {base_url: HERE/gemini, dialects: [gemini], key: SECRET, prices: google}
  chat: {base_url: HERE/chat, dialects: [openai-chat], key: SECRET, prices: openai}
  stops: {base_url: HERE/chat, dialects: [openai-chat], key: SECRET, prices: openai, bills_after_abort: false}
  frail: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false}
routing: {retry: {rounds: 0}, breaker: {failures: 3, open: 1s}}
limits:
  - {node: "team:*", amount: 0.01 usd, window: month}
"""
LEFT = Decimal("0.01")
USE = {"x-fareway-cache": "use"}
CHATS = "/v1/chat/completions"
LONG = "Go on. [[sim: tokens=2000 tps=400]]"  # Twice what the limit leaves.

GEMINI = [
    b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Yes"}]},"index":0}]}\r\n\r\n',
    (
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"."}]},"finishReason":"STOP","index":0}],'
        b'"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11}}\r\n\r\n'
    ),
]
SAYS = b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"gpt-5-nano","choices":[%b]%b}\n\n'
CHAT = [
    SAYS % (b'{"index":0,"delta":{"role":"assistant","content":"Yes"},"finish_reason":null}', b""),
    SAYS % (b'{"index":0,"delta":{"content":"."},"finish_reason":"stop"}', b""),
    SAYS % (b"", b',"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}') + b"data: [DONE]\n\n",
]


class Provider:
    """Begins what it is told to stream, and has each piece more when it may go on; breaks off if told to."""

    def __init__(self):
        self.url = ""
        self.will([])

    def will(self, pieces, *, breaks=False):
        """What it streams next."""
        self.pieces, self.breaks = pieces, breaks
        self.go, self.gone = threading.Semaphore(0), threading.Semaphore(0)

    def one_more(self):
        """Stream one piece more."""
        self.go.release()
        assert self.gone.acquire(timeout=30)


@contextmanager
def streaming():
    """One that listens while the block runs."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number, piece in enumerate(provider.pieces):
                assert not number or provider.go.acquire(timeout=30)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                if number:
                    provider.gone.release()
            self.close_connection = provider.breaks
            if not provider.breaks:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def provider():
    with streaming() as found:
        yield found


@pytest.fixture(scope="module")
def way(provider, tmp_path_factory):
    with road(tmp_path_factory.mktemp("streaming"), CONFIG.replace("HERE", provider.url)) as found:
        yield found


@pytest.fixture
def header(request):
    """Another for every test."""
    return {"Idempotency-Key": f"for {request.node.name}", "x-fareway-cache": "use"}


def begin(way, path, asked, headers):
    """A call whose answer has begun."""
    line = HTTPConnection(urlsplit(way.url).netloc, timeout=30)
    known = {"Authorization": f"Bearer {way.first}", "x-api-key": way.first, "Content-Type": "application/json"}
    line.request("POST", path, json.dumps(asked), known | headers)
    return line, line.getresponse()


def leave(way, path, asked, headers):
    """Ask, and leave after the first bytes. What the gateway is asked next it reads after it has seen that."""
    line, answer = begin(way, path, asked, headers)
    begun = answer.read(20)
    answer.close()
    line.close()
    assert (answer.status, len(begun)) == (200, 20)
    way.metrics()


def again(way, path, asked, headers):
    """Ask, and read all."""
    line, answer = begin(way, path, asked, headers)
    body = answer.read()
    line.close()
    return answer, body


def last(way):
    return way.entries()[-1]


def assert_stopped_in_time(way, before):
    """By us, at what the limit leaves, and the provider charged no more."""
    line = last(way)
    (charge,) = way.bill()[before:]
    assert (line["outcome"], charge["ended"]) == ("stopped", "aborted")
    assert billed([charge]) <= spent([line]) <= LEFT


def test_a_key_to_come_back_with_does_not_let_a_stream_pass_its_limit(way, header):
    before, asked = len(way.bill()), {"model": "sim-large", "messages": said(LONG), "stream": True}
    with way.client(way.key("--team", "dry")) as client, pytest.raises(openai.APIError, match="team:dry"):
        list(client.chat.completions.create(**asked, extra_headers=header))
    assert_stopped_in_time(way, before)


def test_neither_does_a_caller_by_leaving(way, header):
    before, key = len(way.bill()), way.key("--team", "gone")
    asked = {"model": "sim-large", "messages": said(LONG), "stream": True}
    leave(way, CHATS, asked, header | {"Authorization": f"Bearer {key}", "x-api-key": key})
    assert_stopped_in_time(way, before)


@pytest.mark.parametrize(
    "left",
    [
        (CHATS, "google/gemini-2.5-flash", GEMINI, b"data: [DONE]\n\n"),
        ("/v1/messages", "chat/gpt-5-nano", CHAT, b'data: {"type":"message_stop"}\n\n'),
        (CHATS, "chat/gpt-5-nano", CHAT, b"data: [DONE]\n\n"),
    ],
)
@pytest.mark.parametrize("by", ["Idempotency-Key", "x-fareway-cache"])
def test_what_a_caller_left_behind_is_given_again_to_its_end(way, provider, header, left, by):
    """In its own dialect, which the provider's may not have: there it comes once the provider has closed."""
    path, model, pieces, end = left
    provider.will(pieces)
    asked = {"model": model, "messages": said(f"By {header}."), "stream": True, "max_tokens": 99}
    leave(way, path, asked, header)
    provider.go.release(len(CHAT))
    assert last(way)["outcome"] == "ok"
    provider.will([b": nothing\n\n"])
    answer, body = again(way, path, asked, {by: header[by]})
    assert body.count(end) == 1
    assert body.endswith(end)
    assert "replayed" in answer.headers.values() or answer.headers["x-fareway-cache"] == "hit"


def test_who_asks_the_same_after_a_caller_left_hears_what_is_read_on_anyway(way, provider):
    """Its provider charges for all of it: the caller that comes back gets it, and it is kept."""
    provider.will(CHAT)
    asked = {"model": "chat/gpt-5-nano", "messages": said("Once more."), "stream": True, "max_tokens": 99}
    leave(way, CHATS, asked, USE)
    provider.one_more()
    way.metrics()  # By now it was written to nobody.
    joined = begin(way, CHATS, asked, USE)
    provider.go.release(len(CHAT))
    assert_whole_and_kept(way, asked, joined, "joined")


def test_who_asks_the_same_after_a_caller_left_does_not_hear_what_is_given_up(way, provider):
    provider.will(CHAT)
    asked = {"model": "stops/gpt-5-nano", "messages": said("Anew."), "stream": True, "max_tokens": 99}
    leave(way, CHATS, asked, USE)
    anew = begin(way, CHATS, asked, USE)
    provider.go.release(2 * len(CHAT))
    assert_whole_and_kept(way, asked, anew, "miss")


def assert_whole_and_kept(way, asked, begun, happened):
    """An answer that had begun comes to its end, and is given again."""
    line, answer = begun
    body = answer.read()
    line.close()
    assert (answer.status, answer.headers["x-fareway-cache"]) == (200, happened)
    assert b"error" not in body
    assert body.endswith(b"data: [DONE]\n\n")
    kept, same = again(way, CHATS, asked, USE)
    assert (kept.headers["x-fareway-cache"], same) == ("hit", body)


def test_what_broke_off_behind_a_caller_that_left_is_not_given_again(way, provider, header):
    """It had said why it ended, and not what it used."""
    provider.will(CHAT[:2], breaks=True)
    asked = {"model": "chat/gpt-5-nano", "messages": said("Break."), "stream": True, "max_tokens": 99}
    leave(way, CHATS, asked, header)
    provider.go.release(len(CHAT))
    assert last(way)["outcome"] == "cut"
    answer, _ = again(way, CHATS, asked, header)
    assert answer.status == 409


def test_what_breaks_off_after_its_last_word_is_whole(way, provider, header):
    provider.will(CHAT, breaks=True)
    asked = {"model": "chat/gpt-5-nano", "messages": said("Enough."), "stream": True, "max_tokens": 99}
    provider.go.release(len(CHAT))
    _, first = again(way, "/v1/messages", asked, header)
    assert first.count(b'"message_stop"') == 1
    assert again(way, "/v1/messages", asked, header)[1] == first
    assert last(way)["outcome"] == "cached"


def test_a_stream_that_tries_a_deployment_lets_others_in_once_it_has_begun(way):
    """It goes on for a minute, and its caller may leave: that it answers is seen at its first piece."""

    def asked(text, stream):
        body = {"model": "frail/sim-small", "messages": said(text), "stream": stream, "max_tokens": 3000}
        return begin(way, CHATS, body, {})

    def status(text):
        line, answer = asked(text, False)
        answer.read()
        line.close()
        return answer.status

    assert [status("Fail. [[sim: fail=500]]") for _ in range(4)] == [500, 500, 500, 503]
    tries = []
    while not tries or tries[-1][1].status == 503:  # Until it may be tried again.
        tries.append(asked("Long. [[sim: tokens=3000 tps=50]]", True))
    line, answer = tries[-1]
    assert answer.read(20)
    assert status("Short. [[sim: tokens=3]]") == 200
    for line, answer in tries:
        answer.close()
        line.close()
    assert status("Short. [[sim: tokens=3]]") == 200
