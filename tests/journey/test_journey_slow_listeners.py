"""Who listens to an identical call and reads too slowly is told so; it neither slows the others nor has all kept."""

import http.client
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from road import road

PIECE = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * (1 << 20))
PIECES = 48
LAST = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\ndata: [DONE]\n\n'
)


@contextmanager
def provider(go):
    """Begins an answer at once, and has the rest in a moment when it may go on."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(PIECE[:30] + PIECE[-10:])
            assert go.wait(30)
            for _ in range(PIECES):
                self.wfile.write(PIECE)
            self.wfile.write(LAST)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def go():
    return threading.Event()


@pytest.fixture
def way(tmp_path, go):
    with provider(go) as url:
        config = f"providers: {{quick: {{base_url: {url}, key: SECRET, prices: openai}}}}"
        with road(tmp_path, config) as found:
            yield found


def begin(way):
    """A call whose answer has begun."""
    line = http.client.HTTPConnection(urlsplit(way.url).netloc, timeout=60)
    asked = {"model": "gpt-5-nano", "stream": True, "messages": [{"role": "user", "content": "Much."}]}
    headers = {"Authorization": f"Bearer {way.first}", "Content-Type": "application/json", "x-fareway-cache": "use"}
    line.request("POST", "/v1/chat/completions", json.dumps(asked), headers)
    return line, line.getresponse()


def test_a_listener_that_falls_far_behind_is_told_so(way, go):
    (leading, leader), (slow, behind), (quick, beside) = begin(way), begin(way), begin(way)
    heads = [one.headers["x-fareway-cache"] for one in (leader, behind, beside)]
    assert heads == ["miss", "joined", "joined"]
    heard = []
    listening = threading.Thread(target=lambda: heard.append(beside.read()))
    listening.start()
    go.set()
    whole = leader.read()
    listening.join(30)
    assert whole.endswith(b"[DONE]\n\n")
    assert len(whole) > PIECES << 20
    assert heard == [whole]
    told = behind.read()
    assert b"fell behind" in told[-1000:]
    assert whole.startswith(told[: 1 << 20])
    assert len(told) < len(whole)
    for line in (leading, slow, quick):
        line.close()
