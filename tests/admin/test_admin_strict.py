"""What the admin API refuses, always in the same shape: nothing is guessed, and nothing wrong is kept."""

import gzip
import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

KEY_ERRORS = [
    ({"colour": "red"}, "unknown_field", "$.colour"),
    ({"metadata": {"a": 1}}, "invalid_value", "$.metadata[...]"),
    ({"models": ["a", 5]}, "invalid_value", "$.models[1]"),
    ({"models": "a"}, "invalid_value", "$.models"),
    ({"models": ["a b"]}, "invalid_value", "$.models[0]"),
    ({"networks": ["10.0.0.0/8", "nowhere"]}, "invalid_value", "$.networks[1]"),
    ({"networks": ["10.0.0.1/8"]}, "invalid_value", "$.networks[0]"),
    ({"tags": ["a,b"]}, "invalid_value", "$.tags[0]"),
    ({"tags": [f"t{n}" for n in range(9)]}, "invalid_value", "$.tags"),
    ({"alias": "x" * 201}, "invalid_value", "$.alias"),
    ({"alias": "a\nb"}, "invalid_value", "$.alias"),
    ({"alias": "end\n"}, "invalid_value", "$.alias"),
    ({"alias": "a\u0000"}, "invalid_value", "$.alias"),
    ({"alias": "a\u001b[31m"}, "invalid_value", "$.alias"),
    ({"alias": "gpj.\u202eexe"}, "invalid_value", "$.alias"),
    ({"role": "root"}, "invalid_value", "$.role"),
    ({"cache": "yes"}, "invalid_value", "$.cache"),
    ({"expires": "tomorrow"}, "invalid_value", "$.expires"),
    ({"expires": "2027-01-01T00:00:00"}, "invalid_value", "$.expires"),
    ({"team": "no-such-team"}, "invalid_value", "team"),
    ({"user": "no-such-user"}, "invalid_value", "user"),
    ({"org": "no such org"}, "invalid_value", "$.org"),
]


@pytest.mark.parametrize(("said", "code", "param"), KEY_ERRORS, ids=lambda value: str(value)[:40])
def test_a_key_is_made_as_it_was_meant_or_not_at_all(admin, said, code, param):
    before = len(admin.all("/keys"))
    error = admin.post("/keys", {"alias": "x"} | said, 400)
    assert (error["code"], error["param"]) == (code, param)
    assert len(admin.all("/keys")) == before


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a:b", "*", "é", "-a", "x" * 101, "a\n", "a\u0000"])
@pytest.mark.parametrize("kind", ["orgs", "teams", "users"])
def test_ids_are_plain(admin, kind, name):
    error = admin.post(f"/{kind}", {"id": name}, 400)
    assert (error["code"], error["param"]) == ("invalid_value", "$.id")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b'{"alias": "\\ud800"}', "invalid_json"),
        (b"[]", "invalid_value"),
        (b"null", "invalid_value"),
        (b"{} {}", "invalid_json"),
        (b"[" * 50_000, "invalid_value"),
    ],
)
def test_what_is_no_object_is_refused(admin, raw, code):
    said = admin.ask("POST", "/keys", raw=raw)
    assert (said.status, said.error["code"]) == (400, code)


def test_what_is_nested_too_deeply_is_refused(admin):
    said = admin.ask("PUT", "/limits", raw=b'{"node": ' + b"[" * 50_000)
    assert (said.status, said.error["code"]) == (400, "invalid_json")


def test_a_body_has_64_kib_at_most(admin):
    """As far as it goes; beyond, nothing of it is kept."""
    said = admin.ask("POST", "/keys", raw=b'{"alias": "' + b"x" * (64 << 10) + b'"}')
    assert (said.status, said.error["code"]) == (413, "request_too_large")
    said = admin.ask("POST", "/keys", raw=b'{"alias": "' + b"x" * 65000 + b'"}')
    assert (said.status, said.error["code"]) == (400, "invalid_value")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_nothing_is_unpacked(admin, coding):
    """A kilobyte may become a gigabyte."""
    said = admin.ask("POST", "/keys", raw=gzip.compress(b'{"alias": "x"}'), headers={"Content-Encoding": coding})
    assert (said.status, said.error["code"]) == (415, "unsupported_content_encoding")


def test_paths_and_methods_that_are_not_there(admin):
    assert admin.get("/nothing", 404)["code"] == "not_found"
    assert admin.get("/keys/none", 404)["code"] == "not_found"
    said = admin.ask("PUT", "/keys")
    assert (said.status, said.error["code"], said.headers["allow"]) == (405, "method_not_allowed", "GET, POST")


def test_queries_are_as_strict_as_bodies(admin):
    for query, param in (
        ("?limit=0", "$.limit"),
        ("?limit=201", "$.limit"),
        ("?limit=x", "$.limit"),
        ("?limt=5", "$.limt"),
        ("?limit=1&limit=2", "limit"),
    ):
        assert admin.get(f"/keys{query}", 400)["param"] == param
    assert admin.get("/health?x=1", 400)["code"] == "unknown_field"
    assert admin.get("/audit?cursor=x", 400)["param"] == "cursor"
    assert admin.get("/usage?by=colour", 400)["param"] == "by"
    assert admin.get("/usage?since=soon", 400)["param"] == "since"


def test_two_authorizations_are_refused(admin):
    """Whoever stands between may have looked at the other one."""
    where = urlsplit(admin.url)
    line = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
    line.putrequest("GET", f"{where.path}/health")
    line.putheader("Authorization", f"Bearer {admin.token}")
    line.putheader("Authorization", "Bearer fw-other")
    line.endheaders()
    answer = line.getresponse()
    assert answer.status == 400
    assert json.loads(answer.read())["error"]["code"] == "invalid_request_error"
    line.close()


def test_answers_are_kept_by_nobody_and_say_which_request_they_are_to(admin):
    said = admin.ask("GET", "/health")
    assert said.headers["cache-control"] == "no-store"
    assert said.headers["x-request-id"].startswith("req_")
    assert said.headers["server"] == "fareway"


def test_the_data_plane_knows_nothing_of_it(way):
    import urllib.error
    import urllib.request

    request = urllib.request.Request(f"{way.url}/admin/v1/prices/approve", b"{}", method="POST")
    request.add_header("Authorization", f"Bearer {way.admin}")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=10)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /admin/v1/keys?secret=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"canary" * 2000),
        b"GET /admin/v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: canary\0\r\n\r\n",
        b"canary\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_without_repeating_it(way, admin, raw):
    """Nobody has shown a key yet, so it may not fill the log either."""
    where = urlsplit(admin.url)
    before = len(way.gate.stderr)
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        line.sendall(raw)
        said = b""
        while part := line.recv(65536):
            said += part
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["error"]["code"] == "invalid_request_error"
    assert b"canary" not in said
    assert admin.get("/keys")
    assert not way.gate.stderr[before:]
