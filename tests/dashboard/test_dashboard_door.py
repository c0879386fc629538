"""The door of the dashboard over real sockets, at both ports: what a page of somebody else can do is nothing."""

import http.client
import json
import re
from urllib.parse import urlsplit

import pytest
from api import PATIENCE_S, Api, Said
from road import road

from gateway.admin.server import ROUTES
from gateway.core.caller import Role
from gateway.dashboard.files import FOLDER, POLICY, files

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
limits:
  - {node: "key:*", amount: 5 usd, window: day}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("door"), CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def places(way):
    """Both ports, and a token for each."""
    at = urlsplit(Api.of(way, way.admin).url)
    return {"admin": (at.netloc, way.admin), "calls": (urlsplit(way.url).netloc, way.first)}


PORTS = ("admin", "calls")


def ask(host, method, path, body=None, **headers):
    line = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request(method, path, body if body is None or isinstance(body, bytes) else json.dumps(body), sent)
        answer = line.getresponse()
        return Said(answer.status, answer.headers, answer.read())
    finally:
        line.close()


def log_in(place, **headers):
    """The cookie, and what proves that a change is meant."""
    host, token = place
    sent = {"Origin": f"http://{host}"} | headers
    said = ask(host, "POST", "/dashboard/session", {"token": token}, **sent)
    return said, (said.headers["set-cookie"] or "").partition(";")[0], (said.body or {}).get("csrf", "")


@pytest.mark.parametrize("port", PORTS)
def test_the_files_are_for_everybody_and_locked_in(places, port):
    host, _ = places[port]
    for name in ("", "/", "/style.css", "/js/app.js", "/js/pages/overview.js", "/icon.svg"):
        said = ask(host, "GET", f"/dashboard{name}")
        assert said.status == 200, name
        assert said.headers["content-security-policy"] == POLICY
        assert said.headers["x-content-type-options"] == "nosniff"
        again = ask(host, "GET", f"/dashboard{name}", If_None_Match=said.headers["etag"])
        assert (again.status, again.raw) == (304, b"")
        packed = ask(host, "GET", f"/dashboard{name}", Accept_Encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
    for name in ("/nothing", "/../door.py", "/js/../../door.py", "/%2e%2e/door.py", "/js"):
        assert ask(host, "GET", f"/dashboard{name}").status in (400, 404), name
    assert ask(host, "POST", "/dashboard").status == 405


@pytest.mark.parametrize("port", PORTS)
def test_a_cookie_opens_what_is_below_the_dashboard_and_nothing_else(places, port):
    host, token = places[port]
    said, cookie, _ = log_in(places[port])
    assert said.status == 200
    assert re.fullmatch(
        r"fareway_session=\S+; Path=/dashboard; Max-Age=\d+; HttpOnly; SameSite=Strict", said.headers["set-cookie"]
    )
    assert token not in said.headers["set-cookie"]
    assert ask(host, "GET", "/dashboard/api/requests", Cookie=cookie).status == 200
    assert ask(host, "GET", "/dashboard/api/usage?by=model", Cookie=cookie).status == 200
    elsewhere = "/admin/v1/keys" if port == "admin" else "/v1/key"
    assert ask(host, "GET", elsewhere, Cookie=cookie).status == 401
    if port == "calls":
        body = {"model": "sim-small", "messages": [{"role": "user", "content": "Hi"}]}
        assert ask(host, "POST", "/v1/chat/completions", body, Cookie=cookie).status == 401


def test_a_page_that_came_encrypted_has_a_cookie_for_such_alone(places):
    host, _ = places["admin"]
    said, _, _ = log_in(places["admin"], Origin=f"https://{host}")
    assert said.headers["set-cookie"].endswith("; Secure")


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", "", "http://[", "http://127.0.0.1:1", "http://{host}.evil.example"]
)
def test_nobody_is_logged_in_from_another_site(places, port, origin):
    said, cookie, _ = log_in(places[port], Origin=origin)
    assert said.status == 403
    assert not cookie


@pytest.mark.parametrize("port", PORTS)
def test_a_wrong_token_opens_nothing(places, port):
    host, _ = places[port]
    assert log_in((host, "fw-nobody"))[0].status == 401
    for body in ({}, {"token": 1}, {"token": "x", "more": 1}, [], b"\xff", b'{"token":' + b"[" * 1500):
        assert ask(host, "POST", "/dashboard/session", body, Origin=f"http://{host}").status == 400
    assert ask(host, "GET", "/dashboard/session").body is None
    assert ask(host, "GET", "/dashboard/api/requests").status == 401
    assert ask(host, "PUT", "/dashboard/session").status == 405


def test_a_key_without_a_role_does_not_come_in_among_admins(places):
    (host, _), (_, token) = places["admin"], places["calls"]
    assert log_in((host, token))[0].status == 403
    _, cookie, _ = log_in(places["calls"])
    assert ask(host, "GET", "/dashboard/session", Cookie=cookie).body is None
    for route in ROUTES:
        if route.method == "GET" and "{" not in route.path and Role.CALLER not in route.roles:
            assert ask(host, "GET", f"/dashboard/api{route.path}", Cookie=cookie).status == 403


def test_a_change_needs_our_own_page_and_what_it_alone_knows(places):
    host, _ = places["admin"]
    _, cookie, csrf = log_in(places["admin"])
    _, _, other = log_in(places["admin"])
    own = f"http://{host}"
    for headers in (
        {"Origin": own},
        {"Origin": own, "x_fareway_csrf": other},
        {"Origin": own, "x_fareway_csrf": "é".encode().decode("latin-1")},
        {"Origin": own, "x_fareway_csrf": b"\xff"},
        {"Origin": "https://elsewhere.example", "x_fareway_csrf": csrf},
        {"Origin": "http://[", "x_fareway_csrf": csrf},
        {"x_fareway_csrf": csrf},
    ):
        said = ask(host, "POST", "/dashboard/api/keys", {}, Cookie=cookie, **headers)
        assert said.status == 403, headers
        assert ask(host, "DELETE", "/dashboard/session", Cookie=cookie, **headers).status == 403
    good = {"Origin": own, "x_fareway_csrf": csrf}
    assert ask(host, "POST", "/dashboard/api/keys", {}, Cookie=cookie, **good).status == 201
    gone = ask(host, "DELETE", "/dashboard/session", Cookie=cookie, **good)
    assert gone.status == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert ask(host, "GET", "/dashboard/api/keys", Cookie=cookie).status == 401


def test_the_port_of_calls_tells_what_the_key_did_alone(places, way):
    host, token = places["calls"]
    other = way.key("--team", "default")
    for one in (token, other):
        with way.client(one) as client:
            client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": "Hi"}])
    way.rest()
    _, cookie, _ = log_in(places["calls"])

    def told(path, status=200):
        said = ask(host, "GET", f"/dashboard/api/{path}", Cookie=cookie)
        assert said.status == status, said.raw
        return said.body

    own = token.split("-")[1]
    calls = told("requests")["data"]
    assert {call["key_id"] for call in calls} == {own}
    assert told(f"requests?key={other.split('-')[1]}")["data"] == []
    assert sum(row["calls"] for row in told("usage?by=key")["data"]) == len(calls)
    assert told("key")["id"] == own
    story = told(f"requests/{calls[0]['request_id']}")
    assert story["cost_usd"] == calls[0]["cost_usd"]
    for path in ("usage?by=nothing", "requests?nothing=1", "requests?cursor=x", "usage?since=whenever"):
        told(path, 400)
    told("keys", 404)
    told("requests/req_nobody", 404)
    assert ask(host, "POST", "/dashboard/api/requests", {}, Cookie=cookie).status == 405


@pytest.mark.parametrize("port", PORTS)
def test_live_events_come_by_a_session(places, way, port):
    host, _ = places[port]
    _, cookie, _ = log_in(places[port])
    line = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    line.request("GET", "/dashboard/api/live", headers={"Cookie": cookie})
    answer = line.getresponse()
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.readline() == b": watching\n"
    with way.client() as client:
        client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": "Hi"}])
    while (said := answer.readline()) and not said.startswith(b"data: "):
        pass
    assert json.loads(said.removeprefix(b"data: "))["outcome"] == "ok"
    line.close()


def test_every_file_is_found_and_every_module_is_asked_for_at_once():
    """What is preloaded is there, and nothing that the first page needs is waited for one after the other."""
    index = (FOLDER / "index.html").read_text()
    for name in re.findall(r'(?:href|src)="/dashboard/([^"]+)"', index):
        assert name in files()
    needed, seen = ["js/app.js", "js/pages/overview.js"], set()
    while needed:
        name = needed.pop()
        if name in seen:
            continue
        seen.add(name)
        assert f'"/dashboard/{name}"' in index, f"{name} is not preloaded"
        folder = (FOLDER / name).parent
        imported = re.findall(r'^import .* from "(\.[^"]+)"', (FOLDER / name).read_text(), re.MULTILINE)
        needed += [(folder / one).resolve().relative_to(FOLDER.resolve()).as_posix() for one in imported]


def test_nothing_in_the_pages_is_markup_from_words_or_an_address_elsewhere():
    for name, file in files().items():
        text = file.content.decode()
        assert "innerHTML" not in text, name
        assert "eval(" not in text, name
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text), name
        assert len(text.splitlines()) <= 300, name
        if name.endswith(".html"):
            assert "<style" not in text
            assert not re.search(r"<script(?![^>]*src=)", text)
            assert not re.search(r"\s(style|on\w+)=", text)
