"""S7: without a key there is an answer to nothing but what says so here (docs/security.md)."""

import http.client
import ipaddress
import itertools
import json
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from api import Api
from edge import CONFIG, PATIENCE_S, edge, head
from hunt import Hunt

from gateway.admin.server import BASE, ROUTES
from gateway.dashboard.door import API
from gateway.dashboard.files import files
from gateway.front.surfaces import EXACT

OPEN = {"/healthz", "/readyz", "/metrics"}
"""Machines ask these. /metrics may be closed: server.metrics."""
PAGES = {"/dashboard", "/dashboard/", "/dashboard/session", *(f"/dashboard/{name}" for name in files())}
"""The same for everybody: files without data, and whether one is logged in (null)."""

STRANGERS = (
    {},
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer fw-{'a' * 12}-{'A' * 43}"},
    {"Authorization": "Basic YWRtaW46YWRtaW4="},
    {"x-api-key": "admin", "Cookie": "fareway=admin", "x-forwarded-for": "127.0.0.1"},
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CALLS = (
    *EXACT,
    *("/v1/models", "/v1/models/sim-small", "/v1/key", "/v1/requests/x", "/v1/requests/fwd_x", "/v1/feedback", "/live"),
    *("/v1/files", "/v1/files/x/content", "/v1/batches", "/v1/batches/x/cancel", "/v1/messages/batches"),
    *("/v1/responses/x", "/sim/v1/models", "/sim/v1/chat/completions", "/sim/v1/anything", "/v1beta/models"),
    *("/v1beta/models/sim-small:generateContent", "/admin/v1/keys", "/config", "/debug", "/docs", "/openapi.json"),
    *(f"{API}/{name}" for name in ("key", "live", "usage", "requests", "requests/x", "nothing")),
)


def disguised(path):
    """The same path in other words, which must not lead past the door."""
    return (f"{path}/", f"/{path}", f"{path}?key=x", f"/x/..{path}", path.replace("/v1", "/%76%31", 1))


def answered(url, paths, methods=METHODS):
    """Which of these were answered with success, by anybody, and how many were asked."""
    parts, opened, asked = urlsplit(url), set(), 0
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    for path, method, who in itertools.product(paths, methods, STRANGERS):
        try:
            line.request(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None, who)
            answer = line.getresponse()
            answer.read()
        except (http.client.HTTPException, ConnectionError):
            line.close()
            continue
        asked += 1
        assert answer.status < 500, (method, path)
        if 200 <= answer.status < 300:
            opened.add((method, path))
    line.close()
    return opened, asked


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("doors")) as running:
        yield running


def test_no_stranger_gets_an_answer_at_the_port_of_calls(gate, shown):
    opened, asked = answered(gate.gate.url, [*OPEN, *PAGES, *CALLS])
    others, more = answered(gate.gate.url, [other for path in CALLS for other in disguised(path)], ("GET", "POST"))
    assert {("GET", path) for path in OPEN} <= opened, "else nobody was asked"
    wrong = others | {(method, path) for method, path in opened if path not in OPEN | PAGES or method != "GET"}
    target = "0 but health, open metrics and the dashboard's files"
    how, figure = (
        "every route of the port of calls, also in other spellings",
        f"{len(wrong)} of {asked + more:,} opened",
    )
    shown("S7", how, figure, target=target, met=not wrong, wrong=sorted(wrong))


def test_no_stranger_gets_an_answer_from_the_admin_api(gate, shown):
    routes = {re.sub(r"\{\w+\}", "x", route.path) for route in ROUTES}
    paths = [f"{base}{route}" for base in (BASE, API) for route in routes] + [f"{BASE}/openapi.json", "/", BASE]
    opened, asked = answered(Api.of(gate, "").url.removesuffix(BASE), [*paths, *PAGES])
    wrong = {(method, path) for method, path in opened if path not in PAGES or method != "GET"}
    figure, target = f"{len(wrong)} of {asked:,} opened", "0 but the dashboard's files"
    shown("S7", "every route of the admin API", figure, target=target, met=not wrong, wrong=sorted(wrong))


def test_who_may_read_the_metrics_is_a_setting(tmp_path, shown, full):
    """`open`, `key` or `off`: for nobody in particular, for a caller, for an admin."""
    wanted = {"key": [401, 403, 200]} | ({"open": [200, 200, 200], "off": [404, 404, 404]} if full else {})
    seen = {}
    for setting in wanted:
        config = CONFIG.replace("server: {", f"server: {{metrics: {setting}, ")
        with edge(tmp_path / setting, config) as found:
            who = {}, {"Authorization": f"Bearer {found.first}"}, {"Authorization": f"Bearer {found.admin}"}
            seen[setting] = [found.exchange(head("GET", "/metrics", shown_by)).status for shown_by in who]
            assert found.exchange(head("GET", "/healthz", {})).status == 200
    wrong = sum(seen[setting] != wanted[setting] for setting in wanted)
    shown(
        "S7", "who reads /metrics, by setting", f"{wrong} of {len(wanted)} wrong", target="0", met=not wrong, seen=seen
    )


def test_each_port_is_for_this_machine_alone_and_every_first_key_is_random(tmp_path, shown):
    """The sockets that it listens on, as the kernel sees them; and what two gateways that begin have in common."""
    tokens, listening = [], set()
    for name in ("one", "two"):
        with edge(tmp_path / name) as found:
            Api.of(found, "")  # It listens by now.
            tokens += found.gate.tokens
            listening |= addresses(found.gate.process.pid)
    secrets = {token.rpartition("-")[2] for token in tokens}
    elsewhere = {address for address in listening if not address.is_loopback}
    assert listening
    met = not elsewhere and len(secrets) == len(tokens) == 4
    figure = f"{len(elsewhere)} of {len(listening)} addresses reached by others; {len(secrets)} secrets for 4 keys"
    shown("S7", "two fresh gateways", figure, target="0 ports for others, no secret twice", met=met)


def test_every_change_stands_in_the_audit_log_for_good(gate, shown, dice):
    """By whom, and nothing of it can be changed or taken out, not even with the file in hand."""
    admin = Api.of(gate, gate.admin)
    before, tokens, changes = len(admin.all("/audit")), [], 0
    for number in range(10):
        key, token = admin.key(alias=f"audited {number}")
        tokens.append(token)
        if dice.random() < 0.5:
            tokens.append(admin.post(f"/keys/{key['id']}/rotate", {}, 200)["token"])
            changes += 1
        admin.post(f"/keys/{key['id']}/revoke", status=200)
        changes += 2
    lines = admin.all("/audit")
    missing = changes - (len(lines) - before)
    hunt = Hunt({f"secret {n}": token[16:] for n, token in enumerate(tokens)})
    hunt.look("audit", json.dumps(lines))
    changed = 0
    with closing(sqlite3.connect(gate.gate.home / "state.db", timeout=20)) as database:
        for statement in ("DELETE FROM audit", "UPDATE audit SET note = x''"):
            with suppress(sqlite3.IntegrityError):
                changed += database.execute(statement).rowcount
    figure = f"{missing} of {changes} changes missing, {changed} lines changed later, {len(hunt.hits)} secrets in it"
    met = not (missing or changed or hunt.hits)
    shown("S7", "the audit log", figure, target="0 missing, 0 changed, 0 secrets", met=met)


def addresses(pid):
    """Where a process listens, IPv4 and IPv6."""
    fds = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in fds:
                words = bytes.fromhex(local.partition(":")[0])
                little = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                found.add(ipaddress.ip_address(little))
    return found
