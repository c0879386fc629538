"""Paths below a provider's name: known ones are metered as ever, all others pass untouched, and none of them is a way
round a budget."""

import contextlib
import http.client
import json
import socket
import threading
from decimal import Decimal

import harness
import pytest
from openai import APIStatusError, OpenAI
from road import eventually, metric
from upstream import OK, Reply, upstream

pytestmark = pytest.mark.xdist_group("passing")

KEY_OF_PROVIDER = "key-of-the-provider"
CONFIG = """
providers:
  openai: {base_url: URL/openai/v1, headers: {x-extra: '${file:SECRET}'}}
  anthropic: {base_url: URL/anthropic/v1}
  google: {base_url: URL/google/v1beta/openai}
  groq: {base_url: URL/groq/openai/v1}
models:
  either: {deployments: [openai/gpt-4o-mini, groq/llama-3.1-8b-instant]}
limits:
  - {node: team:poor, amount: 5 usd, window: month}
  - {node: team:soft, amount: 5 usd, window: month, mode: soft}
  - {node: team:few, amount: 2 requests, window: month}
"""
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    env = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"), KEY_OF_PROVIDER)
    home = tmp_path_factory.mktemp("passing")
    (secret := home / "secret").write_text("1")
    running = harness.gateway(home, CONFIG.replace("URL", provider.url).replace("SECRET", str(secret)), env=env)
    yield running
    assert running.stop() == 0
    for trouble in ("Traceback", "unhandled", "disagree"):
        assert trouble not in running.stderr


@pytest.fixture(scope="module")
def key_of(gate):
    known = {}

    def made(*options):
        if options not in known:
            known[options] = harness.make_key(gate.home, *options, config=gate.home / "fareway.yaml")
        return known[options]

    return made


class Told:
    """An answer."""

    def __init__(self, answer):
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    @property
    def error(self):
        return json.loads(self.body)["error"]


@pytest.fixture
def ask(gate, provider):
    """Ask the gateway with whatever path, exactly as it is written."""
    for name in ("openai", "anthropic", "google", "groq"):
        provider.got[name].clear()
        provider.replies[name] = [Reply()]

    def asked(method, path, body=b"", key=None, headers=()):
        connection = http.client.HTTPConnection(gate.url.removeprefix("http://"), timeout=30)
        with contextlib.closing(connection):
            shown = {"Authorization": f"Bearer {key or gate.tokens[1]}"} if key != "" else {}
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            told = {"Content-Type": "application/json"} if raw else {}
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (shown | told | dict(headers)).items():
                connection.putheader(name, value)
            if raw:
                connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw or None)
            return Told(connection.getresponse())

    return asked


@pytest.fixture
def entry(gate):
    def find(told):
        request_id = told.headers["x-fareway-request-id"]
        (found,) = harness.get(f"{gate.url}/v1/requests/{request_id}", gate.tokens[0])["entries"]
        return found

    return find


def test_what_nobody_reads_passes_as_it_came_with_our_credentials(gate, ask, entry, provider):
    body = b'{ "training_file":"f", "unknown": [1,  2] }'
    reply = b'{"id": "ftjob-1",\n "object":"fine_tuning.job"}'
    provider.replies["openai"] = [Reply(reply, 201, headers={"x-request-id": "theirs", "x-more": "yes"})]
    told = ask(
        "PUT",
        "/openai/v1/fine_tuning/jobs/ft%3A1?a=b&key=own&c=d%20e",
        body,
        headers={"x-beta": "on", "x-fareway-tags": "t", "Cookie": "c", "X-HTTP-Method-Override": "GET"},
    )
    assert told.status == 201, told.body
    (got,) = provider.got["openai"]
    assert (told.status, told.body, told.headers["x-request-id"], told.headers["x-more"]) == (
        201,
        reply,
        "theirs",
        "yes",
    )
    assert (got.method, got.path, got.body) == ("PUT", "/openai/v1/fine_tuning/jobs/ft%3A1?a=b&key=own&c=d%20e", body)
    assert (got.headers["authorization"], got.headers["x-beta"], got.headers["x-extra"]) == (
        f"Bearer {KEY_OF_PROVIDER}", "on", "1",
    )  # fmt: skip
    assert not got.headers.keys() & {"cookie", "x-http-method-override", "x-fareway-tags"}
    assert gate.tokens[1] not in str(got)
    booked = entry(told)
    assert (booked["provider"], booked["cost_status"], booked["cost_usd"]) == ("openai", "unpriced", None)
    assert (booked["outcome"], booked["status"], booked["route_reason"]) == ("ok", 201, "the path names the provider")
    assert booked["tags"] == ["t"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_reading_and_deleting_are_free(ask, entry, provider, method, key_of):
    told = ask(method, "/openai/v1/fine_tuning/jobs/ft-1", key=key_of("--team", "poor"))
    assert (told.status, told.body, provider.got["openai"][0].method) == (200, OK, method)
    booked = entry(told)
    assert (booked["cost_usd"], booked["cost_status"]) == ("0.00", "exact")
    assert Decimal(told.headers["x-fareway-cost-usd"]) == 0
    assert told.headers["x-fareway-cost-status"] == "exact"


def test_head_is_asked_as_get_and_answered_without_a_body(ask, provider):
    told = ask("HEAD", "/openai/v1/vector_stores/vs-1")
    assert (told.status, told.body, provider.got["openai"][0].method) == (200, b"", "GET")


@pytest.mark.parametrize(
    ("path", "at", "shown"),
    [
        ("/anthropic/v1/skills", "/anthropic/v1/skills", "x-api-key"),
        ("/gemini/v1beta/cachedContents", "/google/v1beta/cachedContents", "x-goog-api-key"),
        ("/google/v1/cachedContents", "/google/v1/cachedContents", "x-goog-api-key"),
        ("/groq/openai/v1/batches", "/groq/openai/v1/batches", "authorization"),
    ],
)
def test_each_provider_is_shown_its_key_in_its_own_way(ask, provider, path, at, shown):
    assert ask("GET", path).status == 200
    (got,) = provider.got[at.split("/")[1]]
    assert (got.path, got.headers[shown].removeprefix("Bearer ")) == (at, KEY_OF_PROVIDER)


def test_a_key_in_the_query_opens_and_does_not_travel(gate, ask, provider):
    told = ask("GET", f"/gemini/v1beta/files?pageSize=2&key={gate.tokens[1]}", key="")
    assert (told.status, provider.got["google"][0].path) == (200, "/google/v1beta/files?pageSize=2")


PRICED = [
    "/openai/v1/chat/completions",
    "/openai/v1/chat/completions/",
    "/openai//v1/chat//completions",
    "//openai/v1/chat/completions",
    "/openai/chat/completions",
    "/openai/v1/chat/complet%69ons",
    "/openai/v1/chat/completions?x=1",
    "/groq/openai/v1/chat/completions",
    "/gemini/v1beta/openai/chat/completions",
]


@pytest.mark.parametrize("path", PRICED)
def test_a_metered_surface_is_metered_however_it_is_written(ask, entry, provider, path, key_of):
    model = {"o": "gpt-4o-mini", "g": "llama-3.1-8b-instant"}[path.strip("/")[0]]
    model = "gemini-2.5-flash" if "gemini" in path else model
    provider.replies = {name: [Reply(OK.replace(b"sim-small", model.encode()))] for name in provider.replies}
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    told = ask("POST", path, body, key=key_of("--team", "poor"))
    assert told.status == 200, told.body
    booked = entry(told)
    assert booked["cost_status"] == "exact"
    assert Decimal(booked["cost_usd"]) > 0


def test_a_prefix_leads_to_that_provider_alone(ask, entry, provider):
    body = {"model": "either", "messages": [{"role": "user", "content": "Hi"}]}
    for name in ("openai", "groq"):
        booked = entry(ask("POST", f"/{name}/v1/chat/completions", body))
        assert (booked["provider"], booked["asked_model"]) == (name, "either")
    for name in ("openai", "groq"):
        told = ask("POST", f"/{name}/v1/chat/completions", body | {"model": "nobody-knows-it"})
        assert (told.status, entry(told)["model"], entry(told)["provider"]) == (200, "nobody-knows-it", name)
        assert entry(told)["cost_status"] == "unpriced"
    told = ask("POST", "/anthropic/v1/messages", {"model": "either", "max_tokens": 9, "messages": body["messages"]})
    assert (told.status, told.error["type"]) == (404, "not_found_error")
    assert provider.got["anthropic"] == []


def test_a_prefix_leads_there_in_another_dialect_too(ask, entry, provider):
    body = {"model": "llama-3.1-8b-instant", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    told = ask("POST", "/groq/v1/messages", body)
    assert (told.status, json.loads(told.body)["content"][0]["text"]) == (200, "Yes.")
    assert [got.path for got in provider.got["groq"]] == ["/groq/openai/v1/chat/completions"]
    assert entry(told)["provider"] == "groq"


WAYS_ROUND = [
    ("POST", "/openai/v1/fine_tuning/jobs"),
    ("POST", "/openai/v1/chat/completions/x"),
    ("POST", "/openai/v1/videos"),
    ("PUT", "/openai/v1/chat/completions"),
    ("PATCH", "/openai/v1/chat/completions"),
    ("GET", "/openai/v1/fine_tuning/jobs?x-http-method-override=POST"),
    ("POST", "/openai/v1/models/gpt-5"),
    ("POST", "/anthropic/v1/complete"),
    ("POST", "/groq/v1/anything"),
    ("POST", "/gemini/v1beta/models/gemini-2.5-flash:predict"),
    ("POST", "/google/v1beta/interactions"),
    ("POST", "/openai/v2/chat/completions"),
]


@pytest.mark.parametrize(("method", "path"), WAYS_ROUND)
def test_what_cannot_be_priced_is_refused_under_a_hard_budget(ask, provider, key_of, method, path):
    told = ask(method, path, {"model": "gpt-4o-mini"} if method != "GET" else b"", key=key_of("--team", "poor"))
    assert told.status == 503, told.body
    assert b"hard budget" in told.body
    assert told.headers["x-should-retry"] == "false"
    assert not any(provider.got.values())


def test_a_soft_budget_lets_it_pass_unpriced(ask, entry, key_of):
    told = ask("POST", "/openai/v1/videos", {"model": "sora-2"}, key=key_of("--team", "soft"))
    assert (told.status, told.headers["x-fareway-cost-status"]) == (200, "unpriced")
    assert "x-fareway-cost-usd" not in told.headers
    booked = entry(told)
    assert (booked["cost_usd"], booked["asked_model"], booked["outcome"]) == (None, "sora-2", "ok")


def test_a_ceiling_of_its_own_refuses_it_too(ask, provider):
    told = ask("POST", "/openai/v1/videos", {"model": "sora-2"}, headers={"x-fareway-max-cost": "1"})
    assert (told.status, provider.got["openai"]) == (503, [])


REFUSED = [
    "/openai/v1/fine_tuning/../chat/completions",
    "/openai/v1/%2e%2e/v1/chat/completions",
    "/openai/v1/chat%2Fcompletions",
    "/openai/v1/chat/completions%00",
    "/openai/v1/chat/completions;x",
    "/openai/v1/chat/%2563ompletions",
    "/openai/v1/chat/completions%20",
    "/openai/v1\\chat\\completions",
]


@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_may_mean_several_things_is_refused(ask, provider, path):
    told = ask("POST", path, {"model": "gpt-4o-mini"})
    assert (told.status, provider.got["openai"]) == (400, [])


@pytest.mark.parametrize("path", ["/openai/V1/Chat/Completions", "/openai/v1/CHAT/completions", "/xai/v1/models"])
def test_a_path_that_is_not_there_is_not_passed(ask, provider, path):
    assert ask("POST", path, {"model": "gpt-4o-mini"}).status == 404
    assert provider.got["openai"] == []


def test_moderation_is_free_at_openai(ask, entry, provider, key_of):
    told = ask("POST", "/openai/v1/moderations", {"input": "Hi"}, key=key_of("--team", "poor"))
    assert (told.status, entry(told)["cost_usd"]) == (200, "0.00")


def test_usage_that_can_be_read_is_in_the_books(ask, entry, provider):
    provider.replies["openai"] = [Reply(json.dumps({"model": "m", "usage": USAGE}).encode())]
    booked = entry(ask("POST", "/openai/v1/new/thing", {"model": "gpt-new"}))
    assert (booked["asked_model"], booked["model"], booked["served_model"]) == ("gpt-new", "gpt-new", "m")
    assert (booked["tokens"]["input"], booked["tokens"]["output"]) == (100, 10)
    assert booked["cost_status"] == "unpriced"


def test_usage_in_a_stream_too(ask, entry, provider):
    events = [{"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 7, "output_tokens": 1}}}]
    events += [{"type": "ping"}, {"type": "message_delta", "usage": {"output_tokens": 5}}]
    stream = b": hello\n\n" + b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    provider.replies["anthropic"] = [Reply(stream, content_type="text/event-stream")]
    told = ask("POST", "/anthropic/v1/sessions", {"model": "claude"})
    assert (told.body, told.headers["content-type"]) == (stream, "text/event-stream")
    booked = entry(told)
    assert (booked["tokens"]["input"], booked["tokens"]["output"], booked["answer_id"]) == (7, 5, "msg_1")


def test_bytes_that_are_no_json_pass_whole(ask, provider):
    sound = bytes(range(256)) * 4000
    provider.replies["openai"] = [Reply(sound, content_type="audio/mpeg")]
    assert ask("GET", "/openai/v1/videos/v/content").body == sound
    assert ask(
        "POST", "/openai/v1/uploads/u/parts", sound, headers={"Content-Type": "application/octet-stream"}
    ).body == (sound)
    assert provider.got["openai"][1].body == sound


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 500])
def test_the_providers_own_refusals_come_back_as_they_are(ask, gate, provider, status):
    body = b'{"error":{"message":"theirs"}}'
    provider.replies["openai"] = [Reply(body, status, headers={"Location": "https://x", "retry-after": "7"})]
    told = ask("GET", "/openai/v1/vector_stores")
    assert (told.status, told.body, told.headers["retry-after"]) == (status, body, "7")
    assert told.headers["location"] == "https://x"


@pytest.mark.parametrize("status", [401, 402])
def test_nobody_learns_that_our_own_key_was_refused(ask, provider, status):
    provider.replies["openai"] = [Reply(b'{"error":{"message":"Incorrect API key provided: key-o***der"}}', status)]
    told = ask("GET", "/openai/v1/vector_stores")
    assert (told.status, told.error["code"]) == (502, "upstream_error")
    assert b"key-o" not in told.body


def test_what_was_refused_is_not_booked(ask, gate, provider):
    provider.replies["openai"] = [Reply(b"{}", 400)]
    told = ask("POST", "/openai/v1/new", {"a": 1})
    request = http.client.HTTPConnection(gate.url.removeprefix("http://"), timeout=30)
    with contextlib.closing(request):
        request.request(
            "GET",
            f"/v1/requests/{told.headers['x-fareway-request-id']}",
            headers={"Authorization": f"Bearer {gate.tokens[0]}"},
        )
        assert request.getresponse().status == 404


def test_it_counts_on_limits_of_requests(ask, key_of):
    key = key_of("--team", "few")
    assert [ask("GET", "/openai/v1/vector_stores", key=key).status for _ in range(4)] == [200, 200, 429, 429]
    told = ask("POST", "/openai/v1/videos", {"a": 1}, key=key)
    assert (told.status, told.error["code"]) == (429, "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/openai/v1/x/y", {}, {"type", "code"}),
        ("/anthropic/v1/x", {}, {"type"}),
        ("/openai/v1/x/y", {"anthropic-version": "2023-06-01"}, {"type"}),
        ("/gemini/v1beta/x", {}, {"status", "code"}),
    ],
)
def test_refusals_are_in_the_dialect_of_the_path(ask, path, headers, said):
    told = ask("GET", path, key="fw-000000000000-" + "x" * 43, headers=headers)
    assert told.status == 401
    assert said <= told.error.keys()


def test_a_key_for_some_models_passes_nothing_that_nobody_reads(ask, key_of, provider):
    key = key_of("--models", "gpt-4o-mini")
    for method, path in (("GET", "/openai/v1/vector_stores"), ("POST", "/openai/v1/videos")):
        told = ask(method, path, {"model": "gpt-4o-mini"} if method == "POST" else b"", key=key)
        assert (told.status, told.error["code"]) == (403, "permission_denied")
    assert provider.got["openai"] == []
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
    assert ask("POST", "/openai/v1/chat/completions", body, key=key).status == 200


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 405), ("TRACE", 405), ("PROPFIND", 405)])
def test_other_methods_are_not_passed(ask, provider, method, status):
    assert (ask(method, "/openai/v1/vector_stores").status, provider.got["openai"]) == (status, [])


def test_reading_with_a_body_is_refused(ask, provider):
    assert (ask("GET", "/openai/v1/vector_stores", b"{}").status, provider.got["openai"]) == (400, [])


def test_openais_own_client_reaches_what_nobody_here_knows(gate, ask, provider):
    page = {"object": "list", "data": [{"id": "vs_1", "object": "vector_store", "created_at": 1}], "has_more": False}
    provider.replies["openai"] = [Reply(json.dumps(page).encode())]
    with OpenAI(base_url=f"{gate.url}/openai/v1", api_key=gate.tokens[1], max_retries=0) as client:
        assert [store.id for store in client.vector_stores.list(limit=1)] == ["vs_1"]
        provider.replies["openai"] = [Reply(b'{"error":{"message":"no","type":"t","code":"c"}}', 404)]
        with pytest.raises(APIStatusError, match="no"):
            client.vector_stores.retrieve("vs_2")


def test_a_provider_that_breaks_off_breaks_the_answer_off(gate, tmp_path):
    """And a caller that leaves is booked as one that has."""
    silent, served = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                line, _ = silent.accept()
                asked = line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf")
                if b"/breaks" in asked:
                    line.close()
                served.append(line)

    thread = threading.Thread(target=serve)
    thread.start()
    config = f"providers:\n  vllm: {{base_url: 'http://127.0.0.1:{silent.getsockname()[1]}/v1'}}\n"
    own = harness.gateway(tmp_path, config)
    try:
        head = {"Authorization": f"Bearer {own.tokens[1]}"}
        for path in ("/vllm/breaks", "/vllm/hangs"):
            line = http.client.HTTPConnection(own.url.removeprefix("http://"), timeout=30)
            line.request("GET", path, headers=head)
            answer = line.getresponse()
            assert answer.read(4) == b"half"
            if path == "/vllm/breaks":
                with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                    answer.read()
            answer.close()
            line.close()

        def outcomes():
            line = http.client.HTTPConnection(own.url.removeprefix("http://"), timeout=30)
            with contextlib.closing(line):
                line.request("GET", "/metrics")
                text = line.getresponse().read().decode()
            found = [metric(text, "fareway_entries_total", outcome=o, cost_status="exact") for o in ("cut", "hung_up")]
            return found == [1, 1] and metric(text, "fareway_inflight_requests") == 0

        eventually(outcomes)
    finally:
        assert own.stop() == 0
        silent.shutdown(socket.SHUT_RDWR)
        silent.close()
        thread.join()
        for line in served:
            line.close()
    assert "Traceback" not in own.stderr
