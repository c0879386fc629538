"""A call to a provider that does not speak the caller's dialect: carried there, its answer back, its cost exact."""

import json
from decimal import Decimal

import anthropic
import harness
import openai
import pytest
from openai import OpenAI
from road import eventually
from test_journey_anthropic import BLOCK, COST, END, OVERLOADED, START, WORDS, answer, events
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("translated")

HI = [{"role": "user", "content": "Hi"}]
ASKED = {"model": "claude-sonnet-4-6", "messages": HI, "max_tokens": 100}
CONFIG = """
providers:
  anthropic: {base_url: URL/claude/v1, dialects: [anthropic-messages]}
  plain: {base_url: URL/plain/v1, key: "${PLAIN_API_KEY}", dialects: [openai-chat]}
models:
  either: {deployments: [anthropic/claude-sonnet-4-6, plain/gpt-4o]}
  carried: {deployments: [anthropic/claude-sonnet-4-6, anthropic/claude-haiku-4-5]}
prices:
  overrides:
    - {provider: plain, model: gpt-4o, input: 100/M, output: 400/M}
limits:
  - {node: all, amount: 1000 usd, window: month}
  - {node: "team:poor", amount: 0.01 usd, window: month}
"""
ENV = {"ANTHROPIC_API_KEY": "theirs", "PLAIN_API_KEY": "theirs"}
SAID = answer({"type": "text", "text": "Hello"})
STREAMED = events(START, BLOCK, *WORDS, *END)
REFUSED = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: too odd"}}


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    config = CONFIG.replace("URL", provider.url)
    running = harness.gateway(tmp_path_factory.mktemp("translated"), config, env=ENV)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def client(gate):
    with OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as found:
        yield found


@pytest.fixture
def answers(provider):
    """Sets what the provider that speaks another dialect says next, and shows what it was asked."""

    def will(*replies):
        provider.got.clear()
        provider.replies["claude"] = list(replies)
        return provider.got["claude"]

    return will


def chat(client, **more):
    return client.chat.completions.with_raw_response.create(**(ASKED | more))


def entry_of(gate, headers):
    """The one line of the ledger, once it is there."""
    path = f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}"
    found = []

    def settled():
        try:
            found.append(harness.get(path, gate.tokens[0]))
        except OSError:
            return False
        return True

    eventually(settled)
    (entry,) = found[0]["entries"]
    return entry


def test_a_whole_answer_comes_back_in_the_callers_dialect_at_its_exact_cost(gate, client, answers):
    got = answers(SAID)
    raw = chat(client, user="somebody", extra_headers={"openai-beta": "assistants=v2", "traceparent": "00-1-2-01"})
    said = raw.parse()
    assert said.choices[0].message.content == "Hello"
    assert said.choices[0].finish_reason == "stop"
    assert raw.headers["content-type"] == "application/json"
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == COST
    assert raw.headers["x-fareway-cost-status"] == "exact"
    assert said.usage.prompt_tokens == 2310
    assert said.usage.prompt_tokens_details.cached_tokens == 2000
    assert Decimal(entry_of(gate, raw.headers)["cost_usd"]) == COST
    (asked,) = got
    assert asked.path == "/claude/v1/messages"
    assert asked.headers["x-api-key"] == "theirs"
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["traceparent"] == "00-1-2-01"
    assert not {"authorization", "openai-beta"} & asked.headers.keys()
    assert json.loads(asked.body)["max_tokens"] == 100


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_comes_back_with_usage_and_cost_for_whoever_asked(gate, client, answers, usage):
    answers(STREAMED)
    with client.chat.completions.with_streaming_response.create(
        **ASKED, stream=True, stream_options={"include_usage": usage}
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        chunks = list(raw.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"
    told = [chunk.usage for chunk in chunks if chunk.usage]
    assert [Decimal(str(one.cost)) for one in told] == ([COST] if usage else [])
    assert Decimal(entry_of(gate, raw.headers)["cost_usd"]) == COST


def test_what_cannot_be_carried_is_refused_by_name_before_anything_is_held(client, answers):
    got = answers(SAID)
    with pytest.raises(openai.BadRequestError, match="seed") as refused:
        chat(client, seed=7)
    assert refused.value.param == "seed"
    assert got == []


def test_with_leave_it_is_left_out_and_named(client, answers):
    answers(SAID)
    raw = chat(client, seed=7, extra_headers={"x-fareway-lossy": "allow"})
    assert raw.headers["x-fareway-dropped"] == "seed"
    with pytest.raises(openai.BadRequestError, match="x-fareway-lossy must be allow"):
        chat(client, extra_headers={"x-fareway-lossy": "perhaps"})


def test_what_cannot_be_carried_goes_to_who_takes_it_as_it_is(client, answers, provider):
    """Though it is dearer: a call is not refused that somebody can answer."""
    answers(SAID)
    assert chat(client, model="either").headers["x-fareway-provider"] == "anthropic"
    assert chat(client, model="either", seed=7).headers["x-fareway-provider"] == "plain"
    assert json.loads(provider.got["plain"][0].body)["seed"] == 7


def test_a_refusal_of_the_provider_is_said_in_the_callers_dialect(client, answers):
    answers(Reply(json.dumps(REFUSED).encode(), status=400))
    with pytest.raises(openai.BadRequestError, match="messages: too odd") as refused:
        chat(client)
    assert refused.value.type == "invalid_request_error"


def test_a_provider_that_paces_is_heeded(client, answers):
    answers(Reply(json.dumps(OVERLOADED).encode(), status=429, headers={"retry-after": "17"}))
    with pytest.raises(openai.RateLimitError, match="Overloaded") as refused:
        chat(client)
    assert refused.value.response.headers["retry-after"] == "17"


def test_an_error_inside_a_stream_is_said_in_the_callers_dialect_and_nothing_follows(gate, client, answers):
    answers(events(START, BLOCK, WORDS[0], OVERLOADED))
    with client.chat.completions.with_streaming_response.create(**ASKED, stream=True) as raw:
        body = raw.read().decode()
    assert '"message":"Overloaded"' in body
    assert "[DONE]" not in body
    entry = entry_of(gate, raw.headers)
    assert entry["outcome"] == "cut"
    assert Decimal(entry["cost_usd"]) > 0


def test_a_stream_that_breaks_off_is_no_clean_end(gate, client, answers):
    answers(events(START, BLOCK, *WORDS))
    with pytest.raises(openai.APIError, match="complete"), client.chat.completions.create(**ASKED, stream=True) as told:
        list(told)


def test_a_prediction_that_is_not_carried_is_not_paid_for_where_the_stream_breaks_off(gate, client, answers):
    """Claude makes no tokens that it would reject and not show."""
    costs = []
    for more in ({}, {"prediction": {"type": "content", "content": "Hello"}}):
        answers(events(START, BLOCK, *WORDS))
        raw = client.chat.completions.with_raw_response.create(**ASKED | {"max_tokens": 8000}, stream=True, **more)
        with pytest.raises(openai.APIError, match="complete"):
            list(raw.parse())
        entry = entry_of(gate, raw.headers)
        costs.append((entry["cost_usd"], entry["cost_status"]))
    answers(SAID)
    assert chat(client).status_code == 200, "no breaker stays open"
    assert costs[0] == costs[1]


def test_the_next_of_the_plan_is_carried_to_in_its_turn(client, answers):
    got = answers(Reply(json.dumps(OVERLOADED).encode(), status=529), SAID)
    raw = chat(client, model="carried")
    assert raw.parse().choices[0].message.content == "Hello"
    assert {json.loads(one.body)["model"] for one in got} == {"claude-haiku-4-5", "claude-sonnet-4-6"}


def test_an_answer_that_is_none_is_an_error_and_is_booked(client, answers):
    answers(Reply(b"<html>", content_type="text/html"))
    with pytest.raises(openai.InternalServerError, match="no answer"):
        chat(client)


def test_a_stream_kept_for_others_is_kept_in_the_callers_dialect(client, answers):
    got = answers(STREAMED)
    use = {"x-fareway-cache": "use"}
    for found in ("miss", "hit"):
        with client.chat.completions.with_streaming_response.create(
            **ASKED, stream=True, stream_options={"include_usage": True}, extra_headers=use
        ) as raw:
            chunks = list(raw.parse())
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"
        assert raw.headers["x-fareway-cache"] == found
        assert any(chunk.usage for chunk in chunks)
    assert len(got) == 1


def test_an_answer_cut_down_to_what_is_left_is_cut_down_there_too(gate, answers, monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    got = answers(SAID)
    key = harness.make_key(gate.home, "--team", "poor")
    with OpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0) as poor:
        raw = chat(poor, max_tokens=50_000, extra_headers={"x-fareway-fit": "allow"})
    cap = int(raw.headers["x-fareway-fitted"])
    assert 0 < cap < 1000
    assert json.loads(got[0].body)["max_tokens"] == cap


def test_a_count_that_nobody_gives_is_made_here(gate, provider):
    """Claude Code asks for counts whatever the model: nothing leaves, nothing is paid."""
    provider.got.clear()
    with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as client:
        raw = client.messages.with_raw_response.count_tokens(model="plain/gpt-4o", messages=HI)
        longer = client.messages.count_tokens(model="plain/gpt-4o", messages=[{"role": "user", "content": "Hi " * 500}])
        with pytest.raises(anthropic.NotFoundError):
            client.messages.count_tokens(model="plane/gpt-4o", messages=HI)
    assert 0 < raw.parse().input_tokens < 20
    assert 500 <= longer.input_tokens < 600
    assert raw.headers["x-fareway-count"] == "estimated"
    assert provider.got == {}


def test_an_answer_that_cannot_be_carried_back_is_booked_at_what_the_provider_says_it_used(gate, client, answers):
    answers(Reply(SAID.body.replace(b'"content": [', b'"content": [7, ')))
    with pytest.raises(openai.InternalServerError, match="no answer") as raised:
        chat(client)
    entry = entry_of(gate, raised.value.response.headers)
    assert (entry["outcome"], entry["cost_status"], Decimal(entry["cost_usd"])) == ("failed", "exact", COST)
