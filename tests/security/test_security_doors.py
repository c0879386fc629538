"""Without a key there is an answer to nothing but what says so here (docs/security.md)."""

import http.client
import itertools
import re
from urllib.parse import urlsplit

import pytest
from api import Api
from edge import CONFIG, PATIENCE_S, edge, head

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


def test_no_stranger_gets_an_answer_at_the_port_of_calls(gate):
    opened, asked = answered(gate.gate.url, [*OPEN, *PAGES, *CALLS])
    others, more = answered(gate.gate.url, [other for path in CALLS for other in disguised(path)], ("GET", "POST"))
    assert not others
    print(f"{asked + more} requests of strangers at the port of calls")
    assert {path for _, path in opened} <= OPEN | PAGES
    assert {method for method, _ in opened} == {"GET"}
    assert {("GET", path) for path in OPEN} <= opened


def test_no_stranger_gets_an_answer_from_the_admin_api(gate):
    routes = {re.sub(r"\{\w+\}", "x", route.path) for route in ROUTES}
    paths = [f"{base}{route}" for base in (BASE, API) for route in routes] + [f"{BASE}/openapi.json", "/", BASE]
    opened, asked = answered(Api.of(gate, "").url.removesuffix(BASE), [*paths, *PAGES])
    print(f"{asked} requests of strangers at the admin API")
    assert {path for _, path in opened} <= PAGES
    assert {method for method, _ in opened} <= {"GET"}


@pytest.mark.parametrize(
    ("setting", "nobody", "caller", "admin"), [("open", 200, 200, 200), ("key", 401, 403, 200), ("off", 404, 404, 404)]
)
def test_who_may_read_the_metrics_is_a_setting(tmp_path, setting, nobody, caller, admin):
    config = CONFIG.replace("server: {", f"server: {{metrics: {setting}, ")
    with edge(tmp_path, config) as found:
        shown = {}, {"Authorization": f"Bearer {found.first}"}, {"Authorization": f"Bearer {found.admin}"}
        seen = [found.exchange(head("GET", "/metrics", who)).status for who in shown]
        assert seen == [nobody, caller, admin]
        assert found.exchange(head("GET", "/healthz", {})).status == 200
