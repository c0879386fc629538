"""A provider that fails before it answers: the next one is tried, or the caller told, and nothing is paid for."""

import http.client
import json
import time
from urllib.parse import urlsplit

import openai
import pytest
from road import billed, road, said, spent
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("faults")

NAMES = ("dies", "busy", "soon", "late", "open", "probe", "denied", "odd", "well")
CONFIG = (
    "providers:\n  sim: {base_url: SIM_URL/v1}\n  twin: {base_url: SIM_URL/v1, prices: sim, key: SECRET}\n"
    '  gone: {base_url: "http://127.0.0.1:9/v1", prices: sim}\n'
    + "".join(f"  {name}: {{base_url: UP_URL/{name}/v1, prices: sim}}\n" for name in NAMES)
    + """
routing: {policy: policies.weighted, retry: {rounds: 1, budget: 100%}, breaker: {failures: 4, open: 1s}}
timeouts: {connect: 2s, first_byte: 2s, idle: 2s, total: 6s}
models:
  relay: {deployments: [sim/sim-small, {to: twin/sim-small, weight: 0}]}
  rescue: {deployments: [gone/sim-small, {to: sim/sim-small, weight: 0}]}
  saved: {deployments: [dies/sim-small, {to: well/sim-small, weight: 0}]}
  eased: {deployments: [busy/sim-small, {to: well/sim-small, weight: 0}]}
  vouched: {deployments: [denied/sim-small, {to: well/sim-small, weight: 0}]}
"""
)


@pytest.fixture(scope="module")
def up():
    with upstream() as found:
        fails, busy = Reply(b'{"error":{"message":"down"}}', 500), Reply(b'{"error":{"message":"busy"}}', 429)
        found.replies = {
            "dies": [fails],
            "busy": [busy],
            "soon": [Reply(busy.body, 429, headers={"Retry-After": "1"}), Reply()],
            "late": [Reply(busy.body, 429, headers={"Retry-After": "60"}), Reply()],
            "open": [fails],
            "probe": [fails, fails, fails, fails, Reply()],
            "denied": [Reply(b'{"error":{"message":"your key sk-secret is wrong"}}', 401)],
            "odd": [Reply(b'{"error":{"message":"bad field"}}', 400)],
        }
        yield found


@pytest.fixture(scope="module")
def way(up, tmp_path_factory):
    with road(tmp_path_factory.mktemp("faults"), CONFIG.replace("UP_URL", up.url)) as found:
        yield found


@pytest.fixture(scope="module")
def client(way):
    with way.client() as found:
        yield found


def ask(client, model, text="Hi", **more):
    """One call; its headers."""
    return client.chat.completions.with_raw_response.create(model=model, messages=said(text), **more).headers


def agree(way, request_id, outcomes):
    """The entries of a request, checked against its bill."""
    lines = way.entries_of(request_id)
    bill = [charge for charge in way.bill() if charge["gateway_request_id"] == request_id]
    assert [line["outcome"] for line in lines] == outcomes
    return lines, bill


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_the_next_one_answers(way, client, status, streamed):
    """The first fails, the second answers: one attempt is billed, and the failed one is named."""
    ask(client, "sim/sim-small")  # A success in between, or its breaker would open.
    text = f"[[sim: fail={status} fail_first=1]] {status} {streamed}"
    raw = client.chat.completions.with_raw_response.create(model="relay", messages=said(text), stream=streamed)
    if streamed:
        with raw.parse() as stream:
            assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "stop"
    assert raw.headers["x-fareway-provider"] == "twin"
    lines, bill = agree(way, raw.headers["x-fareway-request-id"], ["ok"])
    assert len(bill) == 1
    assert spent(lines) == billed(bill)
    assert lines[0]["entry"]["attempts"] == [f"sim/sim-small: status {status}"]


def test_a_provider_that_is_not_there(way, client):
    headers = ask(client, "rescue")
    assert headers["x-fareway-provider"] == "sim"
    lines, bill = agree(way, headers["x-fareway-request-id"], ["ok"])
    assert spent(lines) == billed(bill)
    assert lines[0]["entry"]["attempts"] == ["gone/sim-small: not reached"]


@pytest.mark.parametrize(("model", "failing"), [("saved", "dies"), ("eased", "busy"), ("vouched", "denied")])
def test_each_is_asked_once(up, client, model, failing):
    asked, answered = len(up.got[failing]), len(up.got["well"])
    assert ask(client, model)["x-fareway-provider"] == "well"
    assert len(up.got[failing]) == asked + 1
    assert len(up.got["well"]) == answered + 1


def test_retry_after_is_respected(up, client):
    """The provider says one second: it is asked again, and not before."""
    begun = time.monotonic()
    assert ask(client, "soon/sim-small")["x-fareway-provider"] == "soon"
    assert len(up.got["soon"]) == 2
    assert time.monotonic() - begun >= 1, "never earlier than it was told"


def test_the_simulators_retry_after(way, client):
    headers = ask(client, "sim/sim-small", "Later. [[sim: fail=429 retry_after=1 fail_first=1]]")
    lines, bill = agree(way, headers["x-fareway-request-id"], ["ok"])
    assert spent(lines) == billed(bill)
    assert lines[0]["entry"]["attempts"] == ["sim/sim-small: status 429"]


def test_a_long_wait_is_left_to_the_caller(up, client):
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client, "late/sim-small")
    assert len(up.got["late"]) == 1
    assert raised.value.response.headers["retry-after"] == "60"
    assert raised.value.response.json() == {"error": {"message": "busy"}}, "the provider's own words"


def test_a_mistake_is_not_tried_elsewhere(up, client):
    with pytest.raises(openai.BadRequestError, match="bad field"):
        ask(client, "odd/sim-small")
    assert len(up.got["odd"]) == 1


def test_our_own_key_is_nobodys_business(client):
    with pytest.raises(openai.InternalServerError) as raised:
        ask(client, "denied/sim-small")
    assert raised.value.status_code == 502
    assert "sk-secret" not in str(raised.value)


def test_failing_repeatedly_opens_the_breaker(way, up, client):
    """After four failures in a row it is left alone: callers hear so at once, and it gets no call."""
    with way.client(way.key("--team", "other")) as other, way.client(way.key("--team", "third")) as third:

        def told(caller):
            with pytest.raises(openai.InternalServerError) as raised:
                ask(caller, "open/sim-small")
            return raised.value.status_code

        assert [told(client) for _ in range(2)] == [500, 500], "each call asks twice"
        assert len(up.got["open"]) == 4
        assert way.metric("fareway_breaker_open", deployment="open/sim-small") == 1
        with pytest.raises(openai.InternalServerError) as raised:
            ask(client, "open/sim-small")
        assert raised.value.status_code == 503
        assert raised.value.code == "service_unavailable"
        assert len(up.got["open"]) == 4
        assert [told(other) for _ in range(2)] == [500, 500], "what breaks it may be what one caller asks"
        assert len(up.got["open"]) == 8
        assert told(third) == 503, "and it is left alone for all then"
        assert len(up.got["open"]) == 8


def test_one_call_probes_whether_it_works_again(way, up, client):
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            ask(client, "probe/sim-small")
    time.sleep(1.1)  # As long as the breaker is configured to be open.
    assert ask(client, "probe/sim-small")["x-fareway-provider"] == "probe"
    assert way.metric("fareway_breaker_open", deployment="probe/sim-small") == 0
    assert len(up.got["probe"]) == 5


def test_nobody_works(client):
    with pytest.raises(openai.InternalServerError) as raised:
        ask(client, "gone/sim-small")
    assert raised.value.status_code == 502


@pytest.mark.parametrize("body", [b'{"model": "sim-small"', b"[1]", b'{"model": "a", "model": "b", "messages": []}'])
def test_bodies_that_are_no_call(way, body):
    """A refusal in OpenAI's shape, and nothing reaches a provider."""
    billed_before = len(way.bill())
    connection = http.client.HTTPConnection(urlsplit(way.url).netloc, timeout=20)
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {way.first}"})
    answer = connection.getresponse()
    error = json.loads(answer.read())["error"]
    connection.close()
    assert answer.status == 400
    assert error["type"] == "invalid_request_error"
    assert len(way.bill()) == billed_before
