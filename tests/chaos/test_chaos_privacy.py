"""S6: what is asked and answered is written down nowhere, unless somebody has turned on what keeps it.

Prompts hold a word, and so do answers. They go through every dialect and every way that fails, at a provider that
repeats in its errors all that it was sent; the gateway is killed in the midst of some. Then all is searched.
"""

import json
import threading
import time
from contextlib import closing, contextmanager, suppress

import dumps
import harness
import pytest
from api import Api
from collector import Collector
from edge import PATH, Edge, eventually, head, post, send
from hunt import Hunt
from postgres_server import INITDB, PostgresServer
from stores.redis_server import BINARY, RedisServer
from upstream import OK, Reply, upstream

TARGET = "0 hits of prompts and answers"
PROMPT, ANSWER = "canary-of-the-prompt-5d1f", "canary-of-the-answer-77c2"
CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  own: {base_url: OWN_URL/own/v1, dialects: [openai-chat], prices: openai}
models:
  own: {deployments: [own/gpt-4o-mini]}
routing: {retry: {rounds: 0}, breaker: {failures: 1000, open: 1s}}
limits: [{node: "tag:poor", amount: 1 requests, window: lifetime}]
telemetry: {otel: {endpoint: "COLLECTOR"}}
"""
SHARED = 'state: REDIS\nledger: "${DATABASE_URL}"\npepper: "${PEPPER}"\n'
TALK = [{"role": "user", "content": f"Hello {PROMPT}"}]
GEMINI = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]}
GOOD = (
    *((PATH, {"model": "sim-small", "messages": TALK, "stream": stream}) for stream in (False, True)),
    *(("/v1/responses", {"model": "sim-small", "input": PROMPT, "stream": stream}) for stream in (False, True)),
    *(("/v1/messages", {"model": "sim-small", "messages": TALK, "max_tokens": 9, "stream": s}) for s in (False, True)),
    ("/v1/embeddings", {"model": "sim-embed", "input": PROMPT}),
    ("/v1beta/models/sim-small:generateContent", GEMINI),
    ("/v1beta/models/sim-small:streamGenerateContent", GEMINI),
    ("/bedrock/model/sim-small/converse", CONVERSE),
    ("/bedrock/model/sim-small/converse-stream", CONVERSE),
    ("/v2/chat", {"model": "sim-small", "messages": TALK}),
    ("/v1/messages/count_tokens", {"model": "sim-small", "messages": TALK}),
    *((PATH, {"model": "own", "messages": TALK, "stream": stream}) for stream in (False, True)),
)
FAULTS = ("fail=400", "fail=401", "fail=404", "fail=429", "fail=500", "garbage", "cut=2", "eof=2", "error_after=1")
ROUTES = ("requests", "usage", "keys", "limits", "alerts", "audit", "budgets", "savings", "deployments", "prices")


def answered(got):
    """A provider that says its word, or repeats what it was sent where the prompt says that it is to fail."""
    if b"repeat" in got.body:
        said = f"I do not like {got.body.decode(errors='replace')} of {got.headers}"
        status = 401 if b"repeat 401" in got.body else 400 if b"repeat 400" in got.body else 500
        return Reply(json.dumps({"error": {"message": said, "type": "x", "code": "x"}}).encode(), status=status)
    body = OK.replace(b"Yes.", ANSWER.encode())
    if b'"stream": true' not in got.body:
        return Reply(body)
    piece = json.dumps({"id": "x", "choices": [{"index": 0, "delta": {"content": ANSWER}}]}).encode()
    end = b'{"id":"x","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
    return Reply(b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n" % (piece, end), content_type="text/event-stream")


class Watched(Edge):
    """Both processes, and the collector of spans."""

    def __init__(self, sim, gate, collector):
        super().__init__(sim, gate)
        self.collector = collector


@contextmanager
def gateway(folder, more="", level="debug"):
    """In front of a simulator and of a provider that repeats everything; a collector is told of every call. It is
    killed, if need be, by the test."""
    sim = harness.simulator(folder / "sim")
    try:
        with upstream() as provider, closing(Collector()) as collector:
            provider.take = answered
            config = CONFIG.replace("SIM_URL", sim.url).replace("OWN_URL", provider.url) + more
            config = config.replace("COLLECTOR", collector.url)
            gate = harness.gateway(folder / "gate", config, "--log-level", level)
            try:
                yield Watched(sim, gate, collector)
            finally:
                gate.stop()
    finally:
        sim.stop()


def told(gate, calls):
    """All of these calls, and every way in which one goes wrong. Whether the words went out and came back."""
    seen = set()
    for path, body in calls:
        found = gate.ask(json.dumps(body).encode(), path=path)
        seen |= {found.status} | {word for word in (ANSWER,) if word in found.body.decode(errors="replace")}
    for stream in (False, True):
        for fault in FAULTS:
            body = {"model": "sim-small", "stream": stream, "messages": [{"role": "user", "content": ""}]}
            body["messages"][0]["content"] = f"[[sim: {fault}]] {PROMPT}"
            with suppress(OSError, ValueError):
                gate.ask(json.dumps(body).encode())
        for status in (400, 401, 500):
            said = [{"role": "user", "content": f"repeat {status} {PROMPT}"}]
            gate.ask(json.dumps({"model": "own", "messages": said, "stream": stream}).encode())
    good = json.dumps(GOOD[0][1]).encode()
    for body in (good[:-5], good + b"}", b"\xff" + good, json.dumps({"model": PROMPT, "messages": TALK}).encode()[:-1]):
        gate.ask(body)
    for _ in range(2):
        gate.ask(good, {"x-fareway-tags": "poor"})
    for shown in ({}, {"Authorization": "Bearer fw-x"}):
        gate.exchange(post(good, shown))
    for path in ("/v1/nothing", "/nothing", "/sim/v1/nothing", "/v1/audio/speech", "/v1/files", "/v1/batches"):
        gate.ask(good, path=path)
    return seen


def killed(gate):
    """In the midst of streams; and begun again."""
    body = {
        "model": "sim-small",
        "stream": True,
        "messages": [{"role": "user", "content": f"[[sim: hang_after=1]] {PROMPT}"}],
    }
    lines = [gate.connect() for _ in range(3)]
    for line in lines:
        send(line, post(json.dumps(body).encode(), gate.bearer()))
    eventually(lambda: gate.metric("fareway_inflight_requests") == len(lines))
    gate.gate.kill()
    hunted = Hunt({"prompt": PROMPT, "answer": ANSWER})
    hunted.look_below(gate.gate.home, ["fareway.yaml"])
    for line in lines:
        line.close()
    gate.gate.start()
    return hunted


def live(gate, heard):
    """What the live feed of an admin says, for as long as the gateway runs."""
    line = gate.connect()
    send(line, head("GET", "/live", {"Authorization": f"Bearer {gate.admin}"}))

    def listen():
        with suppress(OSError):
            while some := line.recv(1 << 16):
                heard.append(some)

    threading.Thread(target=listen, daemon=True).start()
    return line


def searched(gate, hunt):
    """Files, figures, the admin API, and what a collector was told."""
    last = gate.ask(json.dumps(GOOD[0][1]).encode()).headers["x-fareway-request-id"]
    eventually(lambda: gate.collector.heard_of(last))
    for body in gate.collector.bodies:
        hunt.look("spans and metrics", body)
    eventually(lambda: not gate.metric("fareway_inflight_requests") and not gate.metric("fareway_journal_entries"))
    hunt.look_below(gate.gate.home, ["fareway.yaml"])
    hunt.look("/metrics", gate.exchange(head("GET", "/metrics", {})).body)
    admin = Api.of(gate, gate.admin)
    for route in ROUTES:
        hunt.look(route, admin.ask("GET", f"/{route}").raw)
    for call in admin.get("/requests?limit=200")["data"]:
        hunt.look("story", admin.ask("GET", f"/requests/{call['request_id']}").raw)


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_that_was_said_is_on_the_disk(tmp_path, shown, full, level):
    if level == "info" and not full:
        pytest.skip("debug says more")
    heard = []
    with gateway(tmp_path, level=level) as gate:
        hunt = killed(gate)
        line = live(gate, heard)
        seen = told(gate, GOOD)
        searched(gate, hunt)
        line.close()
    assert {200, ANSWER} <= seen, "else nothing was said"
    assert heard
    hunt.look("live", b"".join(heard))
    hunt.look_below(tmp_path / "gate", ["fareway.yaml"])
    figure = f"{len(hunt.hits)} hits in {hunt.places} places"
    shown("S6", f"the default, at {level}", figure, target=TARGET, met=not hunt.hits, hits=sorted(hunt.hits))


def test_nothing_that_was_said_is_in_shared_stores(tmp_path, shown, monkeypatch):
    how = "Redis and PostgreSQL"
    if BINARY is None or INITDB is None:
        shown.untried("S6", how, target=TARGET, lacking="redis-server or PostgreSQL")
    monkeypatch.setenv("PEPPER", "a-pepper-that-all-of-them-have")
    redis, postgres = RedisServer(tmp_path / "redis").start(), PostgresServer()
    hunt = Hunt({"prompt": PROMPT, "answer": ANSWER})
    try:
        database = postgres.start().database()
        monkeypatch.setenv("DATABASE_URL", postgres.url(database))
        with gateway(tmp_path, SHARED.replace("REDIS", redis.patient_url)) as gate:
            assert {200, ANSWER} <= told(gate, GOOD)
            searched(gate, hunt)
            for where, content in [*dumps.of_redis(redis), *dumps.of_postgres(postgres, database)]:
                hunt.look(where, content)
    finally:
        redis.kill()
        postgres.stop()
        postgres.close()
    figure = f"{len(hunt.hits)} hits in {hunt.places} places"
    shown("S6", how, figure, target=TARGET, met=not hunt.hits, hits=sorted(hunt.hits))


def lies(gate, word):
    """In which files of the home a word lies."""
    hunt = Hunt({"it": word})
    hunt.look_below(gate.gate.home, ["fareway.yaml"])
    return sorted({where for where, _ in hunt.hits})


def test_what_is_kept_because_somebody_asked_goes_when_it_is_to_go(tmp_path, shown):
    """Answers of a shared cache until they are cleared for a team; calls for later until they are deleted."""
    with gateway(tmp_path, "cache: {exact: {store: shared}}\ndeferred: {margin: 100ms}\n") as gate:
        body = json.dumps({"model": "own", "messages": TALK}).encode()
        admin = Api.of(gate, gate.admin)
        admin.post("/teams", {"id": "ours"})
        _, token = admin.key(team="ours")
        bearer = {"Authorization": f"Bearer {token}"}
        assert gate.exchange(post(body, bearer | {"x-fareway-cache": "use"})).status == 200
        eventually(lambda: lies(gate, ANSWER))
        kept = {"prompt": lies(gate, PROMPT), "answer": lies(gate, ANSWER)}
        admin.delete("/cache?team=ours")
        eventually(lambda: not lies(gate, ANSWER), 10)
        later = json.loads(gate.exchange(post(body, bearer | {"x-fareway-deadline": "1s"})).body)["id"]
        path = f"/v1/requests/{later}"
        eventually(lambda: b'"done"' in gate.exchange(head("GET", path, bearer)).body)
        eventually(lambda: not lies(gate, PROMPT), 10)
        assert gate.exchange(head("DELETE", path, bearer)).status == 200
        deleted = time.monotonic()
        eventually(lambda: not lies(gate, ANSWER) or time.monotonic() > deleted + 10)
        left = {"prompt": lies(gate, PROMPT), "answer": lies(gate, ANSWER)}
    assert kept["answer"]
    held = len(kept["prompt"])
    figure = f"{sum(map(len, left.values()))} files with either; {held} with the prompt while the answer was kept"
    how = "a shared cache cleared for a team, a call for later deleted"
    shown("S6", how, figure, target="0 files", met=not any(left.values()) and not held, left=left)
