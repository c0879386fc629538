"""What a caller can get wrong with good HTTP: refused in OpenAI's shape, at no cost, and forgotten."""

import json

import harness
import pytest
from edge import CALL, CANARY, PATH, assert_no_secret, assert_refused, edge, head, post, read, send

pytestmark = pytest.mark.xdist_group("front-refusals")

WRONG = f"fw-aaaaaaaaaaaa-{CANARY}{'x' * (43 - len(CANARY))}"
SAID = '[{"role":"user","content":"' + CANARY + '"}]'


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("refusals")) as found:
        yield found


def body(**fields):
    return json.dumps({"model": "sim-small", "messages": [{"role": "user", "content": CANARY}]} | fields).encode()


BODIES = {
    "nothing": (b"", None),
    "no JSON": (CANARY.encode(), None),
    "half of it": (CALL[:-1], None),
    "more after it": (CALL + CANARY.encode(), None),
    "a list": (b'["' + CANARY.encode() + b'"]', None),
    "a string": (b'"' + CANARY.encode() + b'"', None),
    "null": (b"null", None),
    "no model": (b'{"messages":' + SAID.encode() + b"}", "model"),
    "model of the wrong type": (body(model=[CANARY]), "model"),
    "model is null": (body(model=None), "model"),
    "no messages": (b'{"model":"sim-small"}', "messages"),
    "empty messages": (body(messages=[]), "messages"),
    "messages of the wrong type": (body(messages=CANARY), "messages"),
    "content of the wrong type": (body(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    "stream of the wrong type": (body(stream=CANARY), "stream"),
    "cap of the wrong type": (body(max_tokens=CANARY), "max_tokens"),
    "negative cap": (body(max_tokens=-1), "max_tokens"),
    "no choices": (body(n=0), "n"),
    "too many choices": (body(n=129), "n"),
    "model twice": (b'{"model":"sim-small","model":"x","messages":' + SAID.encode() + b"}", None),
    "cap twice": (b'{"model":"sim-small","max_tokens":1,"max_tokens":2,"messages":' + SAID.encode() + b"}", None),
    "NaN": (b'{"model":"sim-small","max_tokens":NaN,"messages":' + SAID.encode() + b"}", None),
    "NaN where nobody looks": (b'{"model":"sim-small","seed":NaN,"messages":' + SAID.encode() + b"}", None),
    "a number beyond all": (b'{"model":"sim-small","max_tokens":1e400,"messages":' + SAID.encode() + b"}", None),
    "5000 digits": (b'{"model":"sim-small","max_tokens":' + b"9" * 5000 + b',"messages":' + SAID.encode() + b"}", None),
    "no UTF-8": (b'{"model":"sim-small","messages":[{"role":"user","content":"\xff' + CANARY.encode() + b'"}]}', None),
    "half a character": (b'{"model":"sim-small","messages":[{"role":"user","content":"\xe2\x82"}]}', None),
    "a lone surrogate": (rb'{"model":"sim-small","messages":[{"role":"user","content":"\ud800"}]}', None),
    "a lone surrogate as model": (rb'{"model":"\udfff","messages":[{"role":"user","content":"x"}]}', None),
    "10^5 lists deep": (b"[" * 100_000 + b"]" * 100_000, None),
    "10^5 lists deep where nobody looks": (
        b'{"model":"sim-small","x":' + b"[" * 100_000 + b"]" * 100_000 + b',"messages":' + SAID.encode() + b"}", None,
    ),
    "10^5 maps deep among the tools": (CALL[:-1] + b',"tools":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, None),
    "10^5 deep and open": (b'{"model":' * 100_000, None),
    "UTF-16": (CALL.decode().encode("utf-16"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_call(gate, name):
    raw, param = BODIES[name]
    with gate.unmoved():
        answer = gate.ask(raw)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert_refused(answer, 400, answer.error["code"])
    if param:
        assert answer.error["param"] == param


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"model":"sim-embed"}', b'{"model":"sim-embed","input":5}', b"[" * 100_000]
)
def test_a_body_that_is_nothing_to_embed(gate, raw):
    with gate.unmoved():
        answer = gate.ask(raw, path="/v1/embeddings")
    assert answer.status == 400
    assert_refused(answer, 400, answer.error["code"])


def test_a_model_that_is_nearly_right_is_suggested(gate):
    with gate.unmoved():
        answer = gate.ask(body(model="sim-smal"))
    assert_refused(answer, 404, "model_not_found")
    assert "Did you mean sim-small" in answer.error["message"]


@pytest.mark.parametrize(
    "model", [CANARY, f"sim/{'x' * 100_000}", "", "/", "//", "sim/", "\x00", "\r\nX: y", "sim-small\n", "é" * 500]
)
def test_a_model_that_is_not_there_is_not_repeated(gate, model):
    with gate.unmoved():
        answer = gate.ask(body(model=model))
    assert answer.status in (400, 404, 503), "of a provider's own model only the price may be unknown"
    assert_refused(answer, answer.status, answer.error["code"])
    assert len(answer.body) < 1000


NO_KEY = {
    "nothing": {},
    "an empty one": {"Authorization": "Bearer "},
    "a wrong one": {"Authorization": f"Bearer {WRONG}"},
    "a wrong one as x-api-key": {"x-api-key": WRONG},
    "a wrong one as api-key": {"api-key": WRONG},
    "not in our form": {"Authorization": f"Bearer sk-{CANARY}"},
    "another scheme": {"Authorization": f"Basic {CANARY}"},
    "no scheme": {"Authorization": CANARY},
    "a huge one": {"Authorization": "Bearer " + CANARY * 1000},
    "not even ASCII": {"Authorization": f"Bearer fw-\xe4\xf6\xfc{CANARY}"},
    "SQL": {"Authorization": f"Bearer fw-' OR 1=1 --{CANARY}"},
    "in the path": {},
}


@pytest.mark.parametrize("name", NO_KEY)
def test_without_a_good_key_nothing_is_done(gate, name):
    path = f"{PATH}?key={CANARY}&api_key={CANARY}" if name == "in the path" else PATH
    with gate.unmoved():
        answer = gate.exchange(post(CALL, NO_KEY[name], path))
    assert_refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/requests/req_1", "/live"])
def test_pages_want_a_key_too(gate, path):
    with gate.unmoved():
        answer = gate.exchange(head("GET", path, {"Authorization": f"Bearer {WRONG}"}))
    assert_refused(answer, 401, "invalid_api_key")


def test_the_bytes_of_a_right_key_in_another_case_are_a_wrong_one(gate):
    with gate.unmoved():
        answer = gate.exchange(post(CALL, {"Authorization": f"Bearer {gate.first.swapcase()}"}))
    assert_refused(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("name", ["x-api-key", "api-key", "X-Goog-Api-Key", "Api-Key"])
def test_a_key_is_taken_wherever_client_libraries_put_it(gate, name):
    assert gate.exchange(post(CALL, {name: gate.first})).status == 200
    assert gate.exchange(post(CALL, {name: gate.first} | gate.bearer())).status == 200


def test_the_scheme_may_be_in_any_case(gate):
    assert gate.exchange(post(CALL, {"authorization": f"bearer  {gate.first} "})).status == 200


@pytest.mark.parametrize("other", ["x-api-key", "api-key", "x-goog-api-key"])
def test_two_different_keys_are_refused_even_if_one_is_good(gate, other):
    with gate.unmoved():
        answer = gate.exchange(post(CALL, gate.bearer() | {other: WRONG}))
    assert_refused(answer, 400, "invalid_request_error")


@pytest.mark.parametrize("name", ["Authorization", "x-api-key"])
@pytest.mark.parametrize("good_first", [True, False])
def test_two_different_keys_under_one_name_are_refused(gate, name, good_first):
    """Whoever stands between may have looked at the other one."""
    scheme = "Bearer " if name == "Authorization" else ""
    tokens = [gate.first, WRONG] if good_first else [WRONG, gate.first]
    lines = "".join(f"{name}: {scheme}{token}\r\n" for token in tokens)
    raw = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(CALL)}\r\n\r\n".encode() + CALL
    with gate.unmoved():
        answer = gate.exchange(raw)
    assert answer.status == 400
    assert_no_secret(answer)


def test_a_key_for_other_models_is_refused(gate):
    key = harness.make_key(gate.gate.home, "--models", "ours", config=gate.gate.home / "fareway.yaml")
    with gate.unmoved():
        answer = gate.exchange(post(CALL, {"Authorization": f"Bearer {key}"}))
    assert_refused(answer, 403, "permission_denied")
    ours = CALL.replace(b"sim-small", b"ours")
    assert gate.exchange(post(ours, {"Authorization": f"Bearer {key}"})).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x-" + CANARY])
def test_a_compressed_body_is_refused_unread(gate, encoding):
    with gate.unmoved():
        answer = gate.ask(b"\x1f\x8b" + b"\x00" * 100, {"Content-Encoding": encoding})
    assert_refused(answer, 415, "unsupported_content_encoding")


def test_an_uncompressed_body_may_say_so(gate):
    assert gate.ask(headers={"Content-Encoding": "Identity"}).status == 200


MIB = 1 << 20


def test_a_body_over_the_limit_is_refused_before_it_is_sent(gate):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": str(1 << 40)}))
        assert_refused(read(sock), 413, "request_too_large")


def test_a_body_without_a_length_is_refused_when_it_passes_the_limit(gate):
    """And not much later: what is sent beyond goes nowhere."""
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Transfer-Encoding": "chunked"}))
        for _ in range(17):  # 64 KiB over.
            send(sock, b"10000\r\n" + b" " * 65536 + b"\r\n")
        assert_refused(read(sock), 413, "request_too_large")


def test_a_body_just_over_the_limit_is_refused_and_one_at_the_limit_is_not(gate):
    fitting = CALL[:-1].ljust(MIB - 1) + b"}"
    with gate.unmoved():
        assert_refused(gate.ask(fitting + b" "), 413, "request_too_large")
    assert gate.ask(fitting).status == 200


def test_a_caller_that_asks_before_it_sends_is_told_to_go_on(gate):
    """Clients such as curl ask for every body of a megabyte, and wait a second for the word."""
    with gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": str(len(CALL)), "Expect": "100-continue"}))
        sock.settimeout(2)
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        send(sock, CALL)
        assert read(sock).status == 200


def test_a_caller_that_asks_before_it_sends_too_much_hears_no(gate):
    size = str(1 << 40)
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": size, "Expect": "100-continue"}))
        assert_refused(read(sock), 413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"/{CANARY}", 404),
        ("POST", "/v1/assistants", 404),
        ("GET", "/v1/chat/completions/", 404),
        ("GET", "/v1//models", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/%2e%2e/etc/passwd", 404),
        ("GET", "/v1/models%00", 404),
        ("GET", "http://169.254.169.254/latest", 404),
        ("GET", "/admin/v1/health", 404),
        ("POST", "/metrics/", 404),
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/healthz", 405),
        ("OPTIONS", PATH, 405),
        ("TRACE", "/metrics", 405),
    ],
)
def test_paths_and_methods_that_are_not_there(gate, method, path, status):
    with gate.unmoved():
        answer = gate.exchange(head(method, path, gate.bearer() | {"x-secret": CANARY}))
    assert_refused(answer, status, "not_found" if status == 404 else "method_not_allowed")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/v1/models", 200), (PATH, 405), ("/live", 405), ("/nowhere", 404)]
)
def test_the_answer_to_head_has_no_body(gate, path, status):
    """A body would be taken for the head of the next answer."""
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("HEAD", path, gate.bearer()))
        assert read(sock, "HEAD").status == status
        send(sock, head("GET", "/healthz", {}))
        assert read(sock).body == b"ok\n"


def test_the_canary_is_in_what_was_sent_and_nowhere_in_the_home(gate):
    """Neither in a database, nor in the journal, nor in the log."""
    gate.ask(CALL.replace(b"Hi", CANARY.encode()), {"x-note": CANARY, "x-fareway-request-id": CANARY})
    gate.entries()
    for path in gate.gate.home.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
