"""S1: neither a secret nor a prompt is told or written down, whatever goes wrong, at the most talkative log level.

Every secret here holds a word of its own, and so does every prompt. They go down every way that fails; afterwards all
that the gateway has said or written is searched: answers, log, metrics, pages of the admin API, home, exports. The
gateway is killed in the midst of calls, and what is left of it and what its successor says is searched, too.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress

import harness
import pytest
from api import Api
from collector import Collector
from edge import PATH, Edge, eventually, head, post, send
from hunt import Hunt
from postgres_server import INITDB, PASSWORD, QUOTED, PostgresServer
from redis import Redis
from stores.redis_server import BINARY, RedisServer

WORD = "canary-{}-5d1f"
KINDS = ("provider", "virtual", "bearer", "xapikey", "query", "hook", "signing", "prompt", "field", "header", "image",
         "collector")  # fmt: skip
SECRETS = {kind: WORD.format(kind) for kind in KINDS} | {"signing": "canarysigning5d1f000"}  # As base64 may be.
CONFIG = """
server: {body_max: 1MiB}
providers:
  sim: {base_url: SIM_URL/v1, key: "${file:PROVIDER}", bills_after_abort: false}
  gone: {base_url: "http://127.0.0.1:9/v1", key: "${file:PROVIDER}", dialects: [openai-chat]}
models:
  gone: {deployments: [gone/sim-small]}
prices: {unknown: allow}
routing: {retry: {rounds: 0}, breaker: {failures: 1000, open: 1s}}
limits: [{node: "tag:poor", amount: 1 requests, window: month}, {node: all, amount: 90 usd, window: month, alert: [1%]}]
alerts: [{to: "${HOOK}", secret: "${SIGNING}", private: true}]
telemetry: {otel: {endpoint: "COLLECTOR", headers: {authorization: "Bearer ${OTEL}"}}}
"""
ENV = {
    "OTEL": SECRETS["collector"],
    "HOOK": f"http://127.0.0.1:9/{SECRETS['hook']}?token={SECRETS['hook']}",
    "SIGNING": f"whsec_{SECRETS['signing']}",
}
FAULTS = (
    *("fail=400", "fail=401", "fail=404", "fail=429", "fail=500", "fail=529", "garbage", "cut=2", "eof=2"),
    *("error_after=1", "badusage=negative", "badusage=strings", "nousage", "filtered", "tokens=3"),
)


def call(text="", **fields):
    """A call whose prompt holds the word."""
    said = [{"role": "user", "content": f"{text} {SECRETS['prompt']}"}]
    return json.dumps({"model": "sim-small", "messages": said, "max_tokens": 9} | fields).encode()


@pytest.fixture
def collector():
    """Who is told of every call, in spans."""
    found = Collector()
    yield found
    found.close()


@pytest.fixture
def level():
    return "debug"


@pytest.fixture
def gate(tmp_path, collector, level):
    """A simulator, and a gateway whose every secret is a canary. Its log is searched at the end."""
    sim = harness.simulator(tmp_path / "sim")
    (tmp_path / "key").write_text(f"sk-{SECRETS['provider']}")
    config = CONFIG.replace("SIM_URL", sim.url).replace("PROVIDER", str(tmp_path / "key"))
    config = config.replace("COLLECTOR", collector.url)
    try:
        gate = harness.gateway(tmp_path / "gate", config, "--log-level", level, env=ENV)
        try:
            yield Edge(sim, gate)
        finally:
            gate.kill()
    finally:
        sim.stop()


def failing_ways(gate, key):
    """Answers to calls that go wrong in every way that there is."""
    bearer = {"Authorization": f"Bearer {key}", "x-note": SECRETS["header"]}
    wrong = f"fw-{'a' * 12}-{SECRETS['bearer']:x<43}"
    for stream in (False, True):
        for fault in FAULTS:
            yield gate.ask, (call(f"[[sim: {fault}]]", stream=stream), bearer)
    for path in (PATH, "/v1/messages", "/v1/responses", "/v1/embeddings", "/sim/v1/anything", "/nowhere"):
        yield gate.ask, (call(), bearer, path)
        yield gate.ask, (call(unknown=SECRETS["field"], tools=SECRETS["field"]), bearer, path)
        yield gate.ask, (call()[:-9], bearer, path)
        for shown in ({"Authorization": f"Bearer {wrong}"}, {"x-api-key": SECRETS["xapikey"]}, {}):
            yield gate.exchange, (post(call(), shown, f"{path}?key={SECRETS['query']}&api_key={SECRETS['query']}"),)
    part = {"type": "image_url", "image_url": {"url": f"http://127.0.0.1:9/{SECRETS['image']}"}}
    yield gate.ask, (call(messages=[{"role": "user", "content": [part]}]), bearer)
    yield gate.ask, (call(model="gone"), bearer)
    yield gate.ask, (call(model="sim/nobody-knows"), bearer)
    for _ in range(2):
        yield gate.ask, (call(), bearer | {"x-fareway-tags": "poor", "idempotency-key": SECRETS["header"]})
    yield gate.exchange, (b"POST " + SECRETS["query"].encode() + b" HTTP/9\r\n\r\n",)
    yield gate.ask, (b"\xff" + SECRETS["prompt"].encode(), bearer)
    yield gate.ask, (call("x" * (1 << 20)), bearer)


def everything(gate, admin, variables=ENV):
    """All that the gateway has said, beside what it has written."""
    yield "metrics", gate.exchange(head("GET", "/metrics", {})).body
    routes = ("keys", "limits", "alerts", "requests", "budgets", "savings", "deployments", "usage", "prices", "audit")
    for route in routes:
        yield route, admin.ask("GET", f"/{route}").raw
    environ = os.environ | variables | {"FAREWAY_HOME": str(gate.gate.home), "PYTHONPATH": str(harness.ROOT)}
    for command in (
        "usage export --format csv",
        "usage export --format json",
        "check fareway.yaml",
        "keys list",
        "doctor",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *command.split()],
            cwd=gate.gate.home, env=environ, capture_output=True, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        yield command, done.stdout + done.stderr


@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_secret_and_no_prompt_is_told_or_written_down(gate, collector, level, shown):
    """What comes from the caller may be told to the caller alone."""
    admin = Api.of(gate, gate.admin)
    key, calls = admin.key(alias="canary")[1], 0
    answers = Hunt({kind: SECRETS[kind] for kind in ("provider", "hook", "signing")})
    for ask, arguments in failing_ways(gate, key):
        with suppress(OSError, ValueError):
            answer = ask(*arguments)
            if b"chat.completion" not in answer.body:
                answers.look("an answer", str(answer))
        calls += 1
    last = gate.ask(call(), {"Authorization": f"Bearer {key}"}).headers["x-fareway-request-id"]
    eventually(lambda: collector.heard_of(last))
    eventually(lambda: not gate.metric("fareway_inflight_requests") and not gate.metric("fareway_journal_entries"))
    hunt = Hunt(SECRETS | {"key": key.rpartition("-")[2]})
    hunt.look_below(gate.gate.home, ["fareway.yaml"])
    for where, text in everything(gate, admin):
        hunt.look(where, text)
    for body in collector.bodies:
        hunt.look("spans and metrics", body)
    hits, places = answers.hits | hunt.hits, answers.places + hunt.places
    how, figure = f"calls that fail in every way, at {level}", f"{len(hits)} hits of {len(SECRETS) + 1} secrets"
    figure += f" in {places} places after {calls} calls"
    shown("S1", how, figure, target="0 hits", met=not hits, hits=sorted(hits))


def test_what_is_left_of_a_killed_gateway_holds_no_secret(gate, shown):
    bearer = {"Authorization": f"Bearer {gate.first}", "x-note": SECRETS["header"]}
    lines = [gate.connect() for _ in range(3)]
    for line in lines:
        send(line, post(call("[[sim: hang_after=1]]", stream=True), bearer))
    eventually(lambda: gate.metric("fareway_inflight_requests") == len(lines))
    gate.gate.kill()
    hunt = Hunt(SECRETS)
    hunt.look_below(gate.gate.home, ["fareway.yaml"])
    gate.gate.start()
    assert gate.ask().status == 200
    hunt.look_below(gate.gate.home, ["fareway.yaml"])
    for line in lines:
        line.close()
    figure = f"{len(hunt.hits)} hits in {hunt.places} files"
    shown("S1", "SIGKILL in the midst of calls, and begun again", figure, target="0 hits", met=not hunt.hits)


REFUSED = (
    "state: redis://:canary-redis@127.0.0.1:9/0",
    "state: redis://127.0.0.1:9/0?password=canary-redis",
    "ledger: postgresql://u:canary-pg@127.0.0.1:9/x",
    "providers: {openai: {key: canary-literal}}",
    "alerts: [{to: 'https://u:canary-hook@x/', secret: canary-signing}]",
    "prices: {feed: 'https://u:canary-feed@x/'}",
)


def test_a_configuration_that_is_refused_is_not_repeated(tmp_path, shown, full):
    """Neither where a password stands in the file nor where it is in a variable and nobody answers."""
    hunt = Hunt({"a password": "canary"})
    environ = os.environ | {"FAREWAY_HOME": str(tmp_path), "PYTHONPATH": str(harness.ROOT)}
    for line in REFUSED if full else REFUSED[1:3]:
        (tmp_path / "fareway.yaml").write_text(line)
        (tmp_path / "named.yaml").write_text(re.sub("state: .*", "state: ${ADDRESS}", line))
        environ["ADDRESS"] = line.partition(": ")[2]
        for name in ("fareway.yaml", *(["named.yaml"] if line.startswith("state") else [])):
            words = f"serve --port 0 --log-level debug --config {name}".split()
            command = [sys.executable, "-m", "gateway", *words]
            done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False)
            assert done.returncode
            hunt.look(line, done.stdout + done.stderr)
    figure = f"{len(hunt.hits)} repeated of {hunt.places}"
    shown("S1", "passwords in configurations that are refused", figure, target="0", met=not hunt.hits)


STORES = """
state: "${STATE}"
ledger: "${DATABASE_URL}"
pepper: "${PEPPER}"
prices: {unknown: allow}
providers: {sim: {base_url: SIM_URL/v1, prices: sim}}
limits: [{node: all, amount: 90 usd, window: month}]
"""


def locked(redis):
    """Nobody gets in without the password, as after a start that reads it from a file."""
    assert redis.say("CONFIG", "SET", "requirepass", WORD.format("redis")) == b"+OK\r\n"


def test_passwords_of_stores_that_go_away_are_not_told(tmp_path, shown):
    """They are killed, come back without the password that was given and then with another one, and are right again."""
    how = "passwords of a Redis and a PostgreSQL that are used, killed and locked"
    if BINARY is None or INITDB is None:
        shown.untried("S1", how, target="0 hits", lacking="redis-server or PostgreSQL")
    redis, postgres = RedisServer(tmp_path / "redis").start(), PostgresServer()
    hunt = Hunt(
        {"redis": WORD.format("redis"), "postgres": PASSWORD, "quoted": QUOTED, "pepper": WORD.format("pepper")}
    )
    try:
        locked(redis)
        stores = {"DATABASE_URL": postgres.start().url(postgres.database()), "PEPPER": WORD.format("pepper")}
        stores["STATE"] = redis.patient_url.replace("redis://", f"redis://:{WORD.format('redis')}@")
        sim = harness.simulator(tmp_path / "sim")
        try:
            config = STORES.replace("SIM_URL", sim.url)
            gate = Edge(sim, harness.gateway(tmp_path / "gate", config, "--log-level", "debug", env=stores))
            try:
                shaken(gate, redis, postgres, hunt)
                for where, text in everything(gate, Api.of(gate, gate.admin), stores):
                    hunt.look(where, text)
            finally:
                gate.gate.kill()
            hunt.look_below(gate.gate.home, ["fareway.yaml"])
        finally:
            sim.stop()
    finally:
        redis.kill()
        postgres.close()
    figure = f"{len(hunt.hits)} hits in {hunt.places} places"
    shown("S1", how, figure, target="0 hits", met=not hunt.hits, hits=sorted(hunt.hits))


def shaken(gate, redis, postgres, hunt):
    """Both stores are taken away under a gateway that says so, and given back."""
    assert gate.ask().status == 200
    redis.kill()
    postgres.stop()
    before = len(gate.gate.stderr)
    for _ in range(3):
        hunt.look("an answer while the stores are away", str(gate.ask()))
    redis.start()  # Without any password, which tells whoever shows one that it is none.
    assert redis.say("CONFIG", "SET", "requirepass", "another") == b"+OK\r\n"
    postgres.start()
    for _ in range(3):
        hunt.look("an answer while the password is wrong", str(gate.ask()))
    eventually(lambda: "invalid username-password" in gate.gate.stderr[before:])
    with Redis(port=redis.port, password="another") as client:
        client.config_set("requirepass", WORD.format("redis"))
    eventually(lambda: gate.ask().status == 200, 60)
