"""S2: what is kept of a key opens nothing. Keys are made, used, rotated and ended in every way; then all is searched
that anybody could copy: the home, the log at debug, a Redis, a PostgreSQL."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import secrets
import sqlite3
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import dumps
import harness
import redis
from api import Api
from edge import CALL, PATH, Edge, edge, eventually, head, post
from hunt import Hunt
from postgres_server import INITDB, PostgresServer
from stores.redis_server import BINARY, RedisServer

TARGET = "0 hits of secrets, in any form, and of plain hashes"
CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1, key: SECRET}
"""
SHARED = 'state: REDIS\nledger: "${DATABASE_URL}"\npepper: "${PEPPER}"\n'
WAYS = (
    lambda token: {"Authorization": f"Bearer {token}"},
    lambda token: {"x-api-key": token},
    lambda token: {"api-key": token},
    lambda token: {"x-goog-api-key": token},
    lambda token: {"Authorization": f"AWS4-HMAC-SHA256 Credential={token}/20260101/x/y/aws4_request, Signature=0"},
)


def secret_of(token):
    return token[16:]


def lives(gate, count, dice, config):
    """Tokens of keys that were made, used in every way, rotated, used by mistake and ended; and cookies of sessions."""
    admin = Api.of(gate, gate.admin)
    tokens, cookies, wrong = [], [], []
    for number in range(count):
        key, token = admin.key(alias=f"number {number}", role=dice.choice(["caller", "viewer", "admin"]))
        mine = [token]
        if dice.random() < 0.5:
            grace = {"grace": "1h"} if dice.random() < 0.5 else {}
            mine.append(admin.post(f"/keys/{key['id']}/rotate", grace, 200)["token"])
        wrong.append(f"{token[:16]}{secrets.token_urlsafe(32)}")
        for shown in [*mine, wrong[-1]]:
            assert gate.exchange(post(CALL, dice.choice(WAYS)(shown))).status in (200, 401)
        asked = gate.exchange(head("GET", f"/v1beta/models?key={mine[-1]}", {}))
        assert asked.status == 200
        if dice.random() < 0.2:
            cookies.append(logged_in(gate, mine[-1]))
        if dice.random() < 0.3:
            admin.post(f"/keys/{key['id']}/revoke", status=200)
            assert gate.exchange(post(CALL, WAYS[0](mine[-1]), PATH)).status in (200, 401)
        tokens += mine
    tokens += [harness.make_key(gate.gate.home, "--team", "cli", config=config) for _ in range(count // 8)]
    admin.get("/keys?limit=200")
    admin.get("/audit?limit=200")
    return tokens, cookies, wrong


def logged_in(gate, token):
    """The cookie of a session of the dashboard."""
    parts = urlsplit(gate.gate.url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    line.request("POST", "/dashboard/session", json.dumps({"token": token}), {"Origin": gate.gate.url})
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    line.close()
    return re.search(r"fareway_session=([^;]+)", answer.headers["set-cookie"])[1].rpartition(".")[2]


def words_of(tokens, cookies, wrong, pepper):
    """What must not be found: secrets, and hashes of them that need no pepper."""
    words = {f"secret {n}": secret_of(token) for n, token in enumerate(tokens)}
    words |= {f"wrong secret {n}": secret_of(token) for n, token in enumerate(wrong)}
    words |= {f"session {n}": cookie for n, cookie in enumerate(cookies)}
    for name in ("md5", "sha1", "sha256", "sha512"):
        for number, token in enumerate(tokens):
            for of in (token, secret_of(token)):
                words[f"{name} {number} of {len(of)}"] = hashlib.new(name, of.encode()).digest()
    return words | {"pepper": pepper}


def is_peppered(record, pepper, token):
    """Whether what is kept of a key is the HMAC of its secret, of the newest or of the one before."""
    kept = json.loads(record)
    digest = base64.b64encode(hmac.digest(pepper, secret_of(token).encode(), "sha256")).decode()
    return digest in (kept["digest"], kept["former_digest"])


def told(shown, how, hunt, tokens, unpeppered):
    figure = f"{len(hunt.hits)} hits of {len(tokens)} secrets in {hunt.places} places; {unpeppered} kept otherwise"
    met = not hunt.hits and not unpeppered
    shown("S2", how, figure, target=TARGET, met=met, hits=sorted(hunt.hits)[:20])


def test_a_copy_of_the_home_opens_nothing(tmp_path, shown, full, dice):
    """The pepper is a file of the home, apart from all others; without it the rest is of no use."""
    with edge(tmp_path, CONFIG) as gate:
        tokens, cookies, wrong = lives(gate, 150 if full else 8, dice, gate.gate.home / "fareway.yaml")
        gate.entries()  # All of them are there.
        pepper = (gate.gate.home / "pepper").read_bytes()
        hunt = Hunt(words_of(tokens, cookies, wrong, pepper))
        hunt.look_below(gate.gate.home, ["fareway.yaml", "pepper"])
        hunt.look("/metrics", gate.exchange(head("GET", "/metrics", {})).body)
        with closing(sqlite3.connect(f"file:{gate.gate.home / 'state.db'}?mode=ro", uri=True)) as database:
            records = dict(database.execute("SELECT * FROM keys"))
    hunt.look_below(gate.gate.home, ["fareway.yaml", "pepper"])
    unpeppered = sum(not is_peppered(records[token[3:15]], pepper, token) for token in newest(tokens))
    told(shown, "the home and the log at debug", hunt, tokens, unpeppered)
    assert (gate.gate.home / "pepper").stat().st_mode & 0o077 == 0


def newest(tokens):
    """The last token of each key: of those before it nothing needs to be kept."""
    return {token[3:15]: token for token in tokens}.values()


def test_copies_of_shared_stores_open_nothing(tmp_path, shown, full, dice, monkeypatch):
    how = "Redis, PostgreSQL and the home of a gateway that shares"
    if BINARY is None or INITDB is None:
        shown.untried("S2", how, target=TARGET, lacking="redis-server or PostgreSQL")
    pepper = secrets.token_urlsafe(24)
    monkeypatch.setenv("PEPPER", pepper)
    shared_redis, postgres = RedisServer(tmp_path / "redis").start(), PostgresServer()
    try:
        database = postgres.start().database()
        shared = SHARED.replace("REDIS", shared_redis.patient_url)
        monkeypatch.setenv("DATABASE_URL", postgres.url(database))
        with gateway(tmp_path, CONFIG + shared) as gate:
            tokens, cookies, wrong = lives(gate, 60 if full else 8, dice, gate.gate.home / "fareway.yaml")
            gate.at_rest()
            eventually(lambda: not gate.metric("fareway_journal_entries"))
            hunt = Hunt(words_of(tokens, cookies, wrong, pepper))
            hunt.look_below(gate.gate.home, ["fareway.yaml"])
            kept = list(dumps.of_redis(shared_redis))
            for where, content in [*kept, *dumps.of_postgres(postgres, database)]:
                hunt.look(where, content)
            records = keys_in(shared_redis)
            assert len(records) >= len(newest(tokens))
            assert postgres.say("SELECT count(*) FROM entries", database)[0][0], "else nothing was booked there"
    finally:
        shared_redis.kill()
        postgres.stop()
        postgres.close()
    unpeppered = sum(not is_peppered(records[token[3:15]], pepper.encode(), token) for token in newest(tokens))
    told(shown, how, hunt, tokens, unpeppered)


@contextmanager
def gateway(folder, config):
    """As `edge`, whose ledger is a file of the home."""
    sim = harness.simulator(folder / "sim")
    (folder / "key").write_text("sk-of-the-provider")
    config = config.replace("SIM_URL", sim.url).replace("SECRET", f'"${{file:{folder / "key"}}}"')
    try:
        gate = harness.gateway(folder / "gate", config, "--log-level", "debug")
        try:
            yield Edge(sim, gate)
        finally:
            status = gate.stop()
        assert status == 0, gate.stderr
    finally:
        sim.stop()


def keys_in(server):
    """The records of keys, by id."""
    with redis.Redis(port=server.port) as client:
        (name,) = [name for name in client.scan_iter() if name.endswith(b":keys")]
        return {key.decode(): record for key, record in client.hgetall(name).items()}
