"""The live price feed, fetched from a real HTTP server by a real gateway."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from harness import ROOT, gateway

SNAPSHOT = json.loads(gzip.decompress((ROOT / "gateway/prices/prices.json.gz").read_bytes()))

CONFIG = """
providers: {{openai: {{key: "${{OPENAI_API_KEY}}", base_url: "{url}/v1"}}}}
models: {{mini: {{deployments: [openai/gpt-4o-mini]}}}}
prices: {{feed: "{url}/feed", every: 200ms, guard: 3x}}
"""
ANSWER = {
    "model": "gpt-4o-mini",
    "choices": [],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000},
}


def feed(input_price: float) -> bytes:
    """The snapshot with another input price for gpt-4o-mini."""
    providers = json.loads(json.dumps(SNAPSHOT))
    (openai,) = [p for p in providers if p["id"] == "openai"]
    (model,) = [m for m in openai["models"] if m["id"] == "gpt-4o-mini"]
    model["prices"]["input_mtok"] = input_price
    return json.dumps(providers).encode()


class Upstream(BaseHTTPRequestHandler):
    """Answers like a provider, and serves the feed of the moment with an ETag."""

    body = feed(0.15)
    asked: ClassVar[list[str | None]] = []

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, json.dumps(ANSWER).encode())

    def do_GET(self):
        etag = f'"{hash(self.body)}"'
        self.asked.append(self.headers["If-None-Match"])
        if self.headers["If-None-Match"] == etag:
            self.reply(304, b"")
        else:
            self.reply(200, self.body, ETag=etag)

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def running(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = CONFIG.format(url=f"http://127.0.0.1:{server.server_port}")
    Upstream.body = feed(0.15)
    process = gateway(tmp_path, config, env={"OPENAI_API_KEY": "x"})
    yield process
    process.stop()
    server.shutdown()
    server.server_close()
    thread.join()


def call(process, path, body=b""):
    request = urllib.request.Request(process.url + path, body or None, method="POST" if body else "GET")
    request.add_header("Authorization", f"Bearer {process.tokens[0]}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers, answer.read()


def admin(process, path, body=None):
    """The admin API."""
    said = re.search(r"admin API is at (\S+)", process.stderr)[1]
    request = urllib.request.Request(f"{said}/prices/{path}", body, {"Authorization": f"Bearer {process.tokens[0]}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def approve(process, body=b""):
    """The admin's yes."""
    return admin(process, "approve", body)


def cost(process):
    headers, _ = call(process, "/v1/chat/completions", b'{"model":"mini","messages":[{"role":"user","content":"x"}]}')
    return headers["x-fareway-cost-usd"]


def until(what):
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_feed_is_taken_guarded_and_approved(running):
    """A small move is taken, a large one waits for an admin's yes, garbage changes nothing."""
    assert cost(running) == "0.00015"
    Upstream.body = feed(0.3)
    until(lambda: cost(running) == "0.0003")
    Upstream.body = feed(30)
    until(lambda: b"fareway_price_quarantined 1.0" in call(running, "/metrics")[1])
    assert cost(running) == "0.0003"
    assert approve(running) == {"approved": True}
    assert approve(running) == {"approved": False}
    assert cost(running) == "0.03"
    Upstream.body = b"<html>not prices</html>"
    until(lambda: "was not refreshed" in running.stderr)
    assert cost(running) == "0.03"
    until(lambda: any(tag is not None for tag in Upstream.asked))


def test_a_yes_is_to_the_feed_that_was_looked_at(running):
    """One that took its place since then waits on, and the admin hears of it."""
    Upstream.body = feed(30)
    until(lambda: admin(running, "quarantine")["waiting"])
    looked_at = admin(running, "quarantine")
    Upstream.body = feed(0.000001)
    until(lambda: admin(running, "quarantine")["sha256"] != looked_at["sha256"])
    with pytest.raises(urllib.error.HTTPError, match="409") as refused:
        approve(running, json.dumps({"sha256": looked_at["sha256"]}).encode())
    waiting = admin(running, "quarantine")
    assert f"Another feed waits for a yes by now: {waiting['id']} of " in refused.value.read().decode()
    assert cost(running) == "0.00015"
    assert approve(running, json.dumps({"sha256": waiting["sha256"]}).encode()) == {"approved": True}


def prices(process, *arguments):
    """Run `fareway prices …` beside the gateway."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "prices", *arguments, "--config", str(process.home / "fareway.yaml")],
        env=os.environ | {"FAREWAY_HOME": str(process.home), "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Kept:
    """A gateway that was started again: its keys were printed at its first start."""

    def __init__(self, process, tokens):
        self.process, self.tokens, self.url, self.home = process, tokens, process.url, process.home

    @property
    def stderr(self):
        return self.process.stderr


def restarted(process, meanwhile):
    """The same home, stopped and started again; its keys are those of the first start."""
    tokens = process.tokens
    process.stop()
    meanwhile()
    process.start()
    return Kept(process, tokens)


def test_prices_outlive_a_restart_and_are_pinned_and_approved_from_beside(running):
    """What was accepted is used from the first call on, though the feed is gone; the command line's pin, its
    end and its approval are seen by the gateway that runs."""
    Upstream.body = feed(0.3)
    until(lambda: cost(running) == "0.0003")
    running = restarted(running, lambda: setattr(Upstream, "body", b""))
    assert cost(running) == "0.0003"
    assert b"fareway_price_pinned 0.0" in call(running, "/metrics")[1]
    prices(running, "pin")
    until(lambda: b"fareway_price_pinned 1.0" in call(running, "/metrics")[1])
    assert "prices are pinned to genai-prices-live-" in running.stderr
    Upstream.body = feed(0.4)
    asked = len(Upstream.asked)
    time.sleep(0.6)
    assert len(Upstream.asked) <= asked + 1, "one may have been on its way"
    assert cost(running) == "0.0003"
    prices(running, "unpin")
    until(lambda: cost(running) == "0.0004")
    Upstream.body = feed(40)
    until(lambda: b"fareway_price_quarantined 1.0" in call(running, "/metrics")[1])
    prices(running, "approve")
    until(lambda: cost(running) == "0.04")
    assert b"fareway_price_quarantined 0.0" in call(running, "/metrics")[1]


def test_a_price_does_not_jump_before_the_first_call_either(running):
    """What the configuration names, and what was called lately, is in use from the start on."""
    assert cost(running) == "0.00015"
    running = restarted(running, lambda: setattr(Upstream, "body", feed(30)))
    until(lambda: b"fareway_price_quarantined 1.0" in call(running, "/metrics")[1])
    assert cost(running) == "0.00015"
