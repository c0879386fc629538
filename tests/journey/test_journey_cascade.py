"""Cheap ones first: whose answer is given, what becomes of those that are not, and books that agree with the bill."""

from decimal import Decimal

import openai
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from road import billed, road, said, spent

pytestmark = pytest.mark.xdist_group("cascade")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1, dialects: [openai-chat, openai-responses, anthropic-messages, gemini, openai-embeddings]}
  cutting: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: tokens=9 cut=3}}
  failing: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: fail=500}}
  other: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: seed=7}}
  costly: {base_url: SIM_URL/v1, key: SECRET}
prices:
  overrides: [{provider: costly, model: sim-large, input: 1/M, output: 1/M, request: 200000/each}]
models:
  both: {deployments: [sim/sim-small, sim/sim-large]}
  cut: {deployments: [cutting/sim-small, sim/sim-large]}
  failed: {deployments: [failing/sim-small, sim/sim-large]}
  alone: {deployments: [sim/sim-small, failing/sim-large]}
  costly: {deployments: [sim/sim-small, costly/sim-large]}
  embed: {deployments: [sim/sim-embed]}
  opinions: {deployments: [sim/sim-small, sim/sim-medium, sim/sim-large]}
  disputed: {deployments: [sim/sim-small, other/sim-medium, sim/sim-large]}
tiers: {economy: [opinions]}
routing: {policy: POLICY, retry: {rounds: 0}, breaker: {failures: 1000}}
limits:
  - {node: all, amount: 1000000 usd, window: lifetime}
  - {node: model:sim-large user:poor, amount: 0.000000001 usd, window: lifetime}
"""
COMPLETE = CONFIG.replace("POLICY", "policies.cascade")
AGREEMENT = CONFIG.replace("POLICY", "policies.cascade, params: {check: agreement}")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}
CUT = "Go on. [[sim: tokens=60]]"  # Of which the caller takes so many:
CAP = 20


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("cascade"), COMPLETE) as found:
        yield found


@pytest.fixture(scope="module")
def opinions(tmp_path_factory):
    with road(tmp_path_factory.mktemp("agreement"), AGREEMENT) as found:
        yield found


def ask(way, model, text="Go on. [[sim: tokens=20]]", *, stream=False, key=None, **more):
    """Make a call and read its answer; the headers and the text."""
    with way.client(key) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=said(text), stream=stream, **({"max_tokens": 100} | more)
        )
        if stream:
            with raw.parse() as chunks:
                return raw.headers, "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        return raw.headers, raw.parse().choices[0].message.content


def books(way, headers):
    """The entries of a call in order, whose cost is the provider's bill; and what the caller was told of it."""
    request_id = headers["x-fareway-request-id"]
    lines = sorted(way.entries_of(request_id), key=lambda line: line["id"])
    bill = [c for c in way.bill() if c["gateway_request_id"] == request_id]
    assert len({line["id"] for line in lines}) == len(lines)
    if {line["outcome"] for line in lines} == {"ok"}:
        assert spent(lines) == billed(bill)
        told = Decimal(headers["x-fareway-cascade-cost-usd"]) + Decimal(headers.get("x-fareway-cost-usd", 0))
        if headers["x-fareway-cost-status"] == "exact":
            assert told == spent(lines)
    assert spent(lines) >= billed(bill)
    nanos = sum(line["charges"].get("all/usd/lifetime@always", 0) for line in way.entries())
    assert way.balances()["all/usd/lifetime@always"] == nanos
    return [(line["model"], line["outcome"]) for line in lines]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_complete_is_given(way, stream):
    headers, text = ask(way, "both", stream=stream)
    assert len(text.split()) == 20
    assert headers["x-fareway-model"] == "sim-small"
    assert headers["x-fareway-cascade"] == "sim/sim-small: complete"
    assert headers["x-fareway-cascade-cost-usd"] == "0.00"
    assert books(way, headers) == [("sim-small", "ok")]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_was_cut_off_is_not(way, stream):
    """It is paid for, and another one is asked, which stands for itself."""
    headers, _ = ask(way, "both", CUT, stream=stream, max_tokens=CAP)
    assert headers["x-fareway-model"] == "sim-large"
    assert headers["x-fareway-cascade"] == "escalated: sim/sim-small: it was cut off by its length"
    assert headers["x-fareway-route-reason"].startswith("sim/sim-small: it was cut off by its length; complete: ")
    assert books(way, headers) == [("sim-small", "ok"), ("sim-large", "ok")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "first"), [("cut", [("sim-small", "cut")]), ("failed", [])])
def test_one_that_does_not_answer_is_left_behind(way, model, first, stream):
    headers, _ = ask(way, model, stream=stream)
    assert headers["x-fareway-model"] == "sim-large"
    found = books(way, headers)
    if first and not stream:
        first = [("sim-small", "failed")]
    assert found == [*first, ("sim-large", "ok")]


@pytest.mark.parametrize("stream", [False, True])
def test_where_nobody_else_can_answer_the_cheap_answer_is_given(way, stream):
    headers, text = ask(way, "alone", CUT, stream=stream, max_tokens=CAP)
    assert headers["x-fareway-model"] == "sim-small"
    assert len(text.split()) == CAP
    assert headers["x-fareway-cascade"].startswith("sim/sim-small: given though ")
    assert books(way, headers) == [("sim-small", "ok")]


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_limit_refuses_is_not_asked(way, stream):
    """By a limit on the dearer model, or by the call's own ceiling, which all answers share."""
    poor = way.key("--team", "t", "--user", "poor")
    headers, _ = ask(way, "both", CUT, stream=stream, max_tokens=CAP)
    dearer = Decimal(way.entries_of(headers["x-fareway-request-id"])[-1]["entry"]["held_nanos"]) / 10**9
    for more in ({"key": poor}, {"extra_headers": {"x-fareway-max-cost": str(dearer)}}):
        headers, text = ask(way, "both", CUT, stream=stream, max_tokens=CAP, **more)
        assert headers["x-fareway-model"] == "sim-small"
        assert len(text.split()) == CAP
        assert "nobody else can answer" in headers["x-fareway-cascade"]
        assert books(way, headers) == [("sim-small", "ok")]


def test_where_the_rest_could_cost_too_much_the_cheap_answer_is_given(way):
    """It is paid for, and nothing is wrong with the request."""
    headers, _ = ask(way, "costly", CUT, max_tokens=CAP)
    assert headers["x-fareway-model"] == "sim-small"
    assert "more than any call may" in headers["x-fareway-cascade"]
    assert books(way, headers) == [("sim-small", "ok")]


def test_where_nobody_answers_the_caller_is_told(way):
    with pytest.raises(openai.InternalServerError):
        ask(way, "failed", extra_headers={"x-sim": "fail=500"})


@pytest.mark.parametrize("stream", [False, True])
def test_the_bytes_are_those_of_the_provider(way, stream):
    """What passes the check goes out as it would have without one."""
    import urllib.request

    bodies = []
    for model in ("sim/sim-small", "both"):
        said_ = b'{"model":"%b","stream":%b,"max_tokens":50,"messages":[{"role":"user","content":"Same."}]}'
        request = urllib.request.Request(
            f"{way.url}/v1/chat/completions",
            said_ % (model.encode(), b"true" if stream else b"false"),
            {"Authorization": f"Bearer {way.first}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            bodies.append((answer.headers["content-type"], answer.read()))
    assert bodies[0][0] == bodies[1][0]
    assert abs(len(bodies[0][1]) - len(bodies[1][1])) < 40, "ids and times differ"


def test_tools_and_json_are_looked_into(way):
    with way.client() as client:
        for stream in (False, True):
            raw = client.chat.completions.with_raw_response.create(
                model="both", messages=said("Use the tool."), tools=[TOOL], stream=stream
            )
            raw.parse() if not stream else list(raw.parse())
            assert raw.headers["x-fareway-cascade"] == "sim/sim-small: complete"
        raw = client.chat.completions.with_raw_response.create(
            model="both", messages=said("JSON, please."), response_format={"type": "json_object"}
        )
        assert raw.headers["x-fareway-model"] == "sim-small"


@pytest.mark.parametrize("cap", [CAP, 200])
@pytest.mark.parametrize("stream", [False, True])
def test_in_every_dialect(way, stream, cap):
    """Responses, messages and Gemini: a whole answer is given, one that was cut off is not."""
    before = len(way.entries())
    with way.client() as client:
        made = client.responses.create(model="both", input=CUT, max_output_tokens=cap, stream=stream)
        if stream:
            list(made)
    with Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client:
        made = client.messages.create(model="both", messages=said(CUT), max_tokens=cap, stream=stream)
        if stream:
            list(made)
    google = genai.Client(api_key=way.first, http_options=types.HttpOptions(base_url=way.url))
    config = types.GenerateContentConfig(max_output_tokens=cap)
    if stream:
        list(google.models.generate_content_stream(model="both", contents=CUT, config=config))
    else:
        google.models.generate_content(model="both", contents=CUT, config=config)
    one = ["sim-small", "sim-large"] if cap == CAP else ["sim-small"]
    assert [line["model"] for line in way.entries()[before:]] == one * 3


def test_what_cannot_be_checked_is_answered_by_the_first(way):
    with way.client() as client:
        raw = client.embeddings.with_raw_response.create(model="embed", input="Hi")
    assert "x-fareway-cascade" not in raw.headers
    assert [line["model"] for line in way.entries_of(raw.headers["x-fareway-request-id"])] == ["sim-embed"]


@pytest.mark.parametrize("stream", [False, True])
def test_two_that_agree_need_no_third(opinions, stream):
    headers, _ = ask(opinions, "opinions", '[[sim: tool=look args={"at":"home"}]]', stream=stream, tools=[TOOL])
    assert headers["x-fareway-model"] == "sim-medium"
    assert headers["x-fareway-cascade"] == "sim/sim-medium: sim/sim-small says the same"
    assert books(opinions, headers) == [("sim-small", "ok"), ("sim-medium", "ok")]


@pytest.mark.parametrize("stream", [False, True])
def test_two_that_do_not_do(opinions, stream):
    headers, _ = ask(opinions, "disputed", "Go on. [[sim: tokens=80]]", stream=stream)
    assert headers["x-fareway-model"] == "sim-large"
    assert headers["x-fareway-cascade"] == "escalated: other/sim-medium: nobody says the same"
    assert books(opinions, headers) == [("sim-small", "ok"), ("sim-medium", "ok"), ("sim-large", "ok")]


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_that_was_given_is_kept_for_the_next_that_asks(way, stream):
    first, text = ask(way, "both", "Once.", stream=stream, extra_headers={"x-fareway-cache": "use"})
    again, same = ask(way, "both", "Once.", stream=stream, extra_headers={"x-fareway-cache": "use"})
    assert (first["x-fareway-cache"], again["x-fareway-cache"]) == ("miss", "hit")
    assert text == same
