"""The official Anthropic client, pointed at a gateway, does what it does at Anthropic."""

import json
import urllib.error
import urllib.request
from contextlib import suppress
from decimal import Decimal

import anthropic
import harness
import pytest
from road import eventually
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("anthropic")

HI = [{"role": "user", "content": "Hi"}]
ASKED = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": HI}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
FORM = {"type": "message", "id": "msg_1", "role": "assistant", "model": "claude-sonnet-4-6", "stop_sequence": None}
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 2000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 20,
    "service_tier": "standard",
}
COST = Decimal("0.002505")  # 10 at 3, 100 at 3.75, 200 at 6, 2000 at 0.30 and 20 at 15 dollars per million.
CONFIG = "providers:\n  anthropic: {base_url: URL/NAME/v1}\n"
ENV = {"ANTHROPIC_API_KEY": "theirs"}


def answer(*content, reason="end_turn"):
    return Reply(json.dumps({**FORM, "content": content, "stop_reason": reason, "usage": USAGE}).encode())


def events(*data):
    body = b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in data)
    return Reply(body, content_type="text/event-stream")


START = {
    "type": "message_start",
    "message": {**FORM, "content": [], "stop_reason": None, "usage": USAGE | {"output_tokens": 1}},
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
WORDS = [
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in ("Hel", "lo")
]
END = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
    {"type": "message_stop"},
]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    config = CONFIG.replace("URL", provider.url).replace("NAME", "anthropic")
    running = harness.gateway(tmp_path_factory.mktemp("anthropic"), config, env=ENV)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def client(gate):
    with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as found:
        yield found


@pytest.fixture
def answers(provider):
    """Sets what comes next, and shows what was asked."""

    def will(*replies):
        provider.got.pop("anthropic", None)
        provider.replies["anthropic"] = list(replies)
        return provider.got["anthropic"]

    return will


def entry_of(gate, headers):
    """The one line of the ledger, once it is there, and its cost: its parts add up to that."""
    found = []

    def settled():
        with suppress(urllib.error.HTTPError):
            found.append(harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0]))
        return bool(found)

    eventually(settled)
    (entry,) = found[0]["entries"]
    cost = Decimal(found[0]["cost_usd"])
    assert sum(map(Decimal, entry["cost_parts_usd"].values())) == cost
    return entry, cost


def test_a_whole_answer_and_its_cost(gate, client, answers):
    got = answers(answer({"type": "text", "text": "Hello"}))
    raw = client.messages.with_raw_response.create(**ASKED)
    assert raw.parse().content[0].text == "Hello"
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == COST
    assert raw.headers["x-fareway-cost-status"] == "exact"
    assert entry_of(gate, raw.headers)[1] == COST
    (asked,) = got
    assert asked.path == "/anthropic/v1/messages"
    assert asked.headers["x-api-key"] == "theirs"
    assert "authorization" not in asked.headers
    assert asked.headers["anthropic-version"] == client.default_headers["anthropic-version"], "it is left as it is"


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_a_caller_that_names_no_version_gets_the_usual_one(gate, answers, prefix, header):
    got = answers(answer({"type": "text", "text": "Hello"}))
    key = gate.tokens[1] if header == "x-api-key" else f"Bearer {gate.tokens[1]}"
    status, _, body = post(f"{gate.url}{prefix}/v1/messages?beta=true", {header: key, "anthropic-beta": "b-1"}, ASKED)
    assert (status, body) == (200, answer({"type": "text", "text": "Hello"}).body)
    (asked,) = got
    assert asked.path == "/anthropic/v1/messages?beta=true"
    assert (asked.headers["anthropic-version"], asked.headers["anthropic-beta"]) == ("2023-06-01", "b-1")
    assert json.loads(asked.body) == ASKED


def post(url, headers, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers | {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def test_a_stream_and_its_cost(gate, client, answers):
    answers(events(START, BLOCK, *WORDS, *END))
    raw = client.messages.with_raw_response.create(**ASKED, stream=True)
    with raw.parse() as stream:
        said = list(stream)
    assert "".join(event.delta.text for event in said if event.type == "content_block_delta") == "Hello"
    assert said[-1].type == "message_stop"
    entry, cost = entry_of(gate, raw.headers)
    assert (cost, entry["cost_status"], entry["outcome"]) == (COST, "exact", "ok")


def test_tools_there_and_back(client, answers):
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    got = answers(answer(call, reason="tool_use"), answer({"type": "text", "text": "Rain."}))
    first = client.messages.create(**ASKED, tools=[TOOL])
    assert first.stop_reason == "tool_use"
    assert first.content[0].input == {"city": "Oslo"}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain, 4 °C"}
    messages = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(**ASKED | {"messages": messages}, tools=[TOOL]).content[0].text == "Rain."
    assert json.loads(got[1].body)["messages"][2]["content"] == [result]


def test_counting_is_free_and_on_the_books(gate, client, answers):
    got = answers(Reply(b'{"input_tokens": 2095}'))
    raw = client.messages.with_raw_response.count_tokens(model="claude-sonnet-4-6", messages=HI)
    assert raw.parse().input_tokens == 2095
    assert got[0].path == "/anthropic/v1/messages/count_tokens"
    entry, cost = entry_of(gate, raw.headers)
    assert (cost, entry["cost_status"], entry["outcome"]) == (0, "exact", "ok")
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == 0


def test_an_error_inside_a_stream_is_raised_and_what_came_is_booked(gate, client, answers):
    """The input is known from the first event; the output is counted from the text."""
    answers(events(START, BLOCK, *WORDS, OVERLOADED))
    raw = client.messages.with_raw_response.create(**ASKED, stream=True)
    with raw.parse() as stream, pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)
    entry, cost = entry_of(gate, raw.headers)
    assert (entry["outcome"], entry["cost_status"]) == ("cut", "estimated")
    given = COST - 20 * Decimal("0.000015")
    assert given < cost < given + 100 * Decimal("0.000015")
    assert entry["tokens"]["cache_write"] == 300


def test_a_stream_that_breaks_off_ends_with_an_error(gate, client, answers):
    answers(events(START, BLOCK, *WORDS))
    raw = client.messages.with_raw_response.create(**ASKED, stream=True)
    with raw.parse() as stream, pytest.raises(anthropic.APIStatusError) as raised:
        list(stream)
    assert raised.value.body["error"]["type"] == "api_error"
    assert entry_of(gate, raw.headers)[0]["outcome"] == "cut"


@pytest.mark.parametrize("thinking", [{}, {"thinking": {"type": "adaptive"}}])
def test_a_stream_that_breaks_off_is_booked_with_what_anthropics_own_tools_found(gate, client, answers, thinking):
    """The first event counts the first turn alone, and fees come with the last; thoughts may not be shown."""
    found = [{"type": "web_search_result", "encrypted_content": "x" * 30_000}]
    block = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found}
    result = {"type": "content_block_start", "index": 0, "content_block": block}
    use = {"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {}}
    again = {"type": "content_block_start", "index": 1, "content_block": use}
    answers(events(START, result, again, result, BLOCK, *WORDS))
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    raw = client.messages.with_raw_response.create(**ASKED, **thinking, tools=tools, stream=True)
    with raw.parse() as stream, pytest.raises(anthropic.APIStatusError):
        list(stream)
    entry, cost = entry_of(gate, raw.headers)
    assert (entry["outcome"], entry["cost_status"]) == ("cut", "estimated")
    assert entry["tokens"]["input"] > 3 * 10 + 3 * 10_000
    assert entry["tokens"]["cache_read"] == 2000 + 2 * 2300
    assert Decimal(entry["cost_parts_usd"]["fees"]) == Decimal("0.02")
    assert cost > Decimal("0.02") + 30_000 * Decimal("0.000003")


def test_the_providers_own_error_comes_back_as_it_is(client, answers):
    theirs = {"type": "error", "error": {"type": "invalid_request_error", "message": "Too long."}, "request_id": "r"}
    answers(Reply(json.dumps(theirs).encode(), status=400, headers={"request-id": "req_theirs"}))
    with pytest.raises(anthropic.BadRequestError, match="Too long") as raised:
        client.messages.create(**ASKED)
    assert raised.value.request_id == "req_theirs"
    assert raised.value.body == theirs


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"model": "claude-nothing"}, anthropic.NotFoundError),
        ({"messages": []}, anthropic.BadRequestError),
        ({"max_tokens": -1}, anthropic.BadRequestError),
    ],
)
def test_our_own_refusals_are_in_the_clients_words(client, more, error):
    with pytest.raises(error) as raised:
        client.messages.create(**ASKED | more)
    assert raised.value.request_id == raised.value.body["request_id"] == raised.value.response.headers["request-id"]


def test_a_wrong_key_is_refused(gate):
    with (
        anthropic.Anthropic(base_url=gate.url, api_key="sk-nothing-of-ours") as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(**ASKED)


def test_a_spent_budget_is_not_asked_twice(provider, tmp_path):
    """The client knows the error by its code, and does not try again."""
    config = CONFIG.replace("URL", provider.url).replace("NAME", "spent")
    config += 'limits:\n  - {node: "key:*", amount: 0.000001 usd, window: day}\n'
    running = harness.gateway(tmp_path, config, env=ENV)
    try:
        with anthropic.Anthropic(base_url=running.url, api_key=running.tokens[1]) as client:
            with pytest.raises(anthropic.RateLimitError) as raised:
                client.messages.create(**ASKED)
            assert raised.value.body["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}
            assert raised.value.response.headers["x-should-retry"] == "false"
            assert "retry-after" not in raised.value.response.headers
            assert raised.value.request.headers["x-stainless-retry-count"] == "0"
            assert client.messages.count_tokens(model="claude-sonnet-4-6", messages=HI), "counting is free"
        assert [got.path for got in provider.got["spent"]] == ["/spent/v1/messages/count_tokens"]
    finally:
        assert running.stop() == 0


def test_a_key_cannot_reach_a_model_by_naming_it_inside(gate, answers):
    answers(answer({"type": "text", "text": "Hello"}))
    narrow = harness.make_key(gate.home, "--models", "claude-sonnet-4-6")
    with anthropic.Anthropic(base_url=gate.url, api_key=narrow, max_retries=0) as client:
        assert client.messages.create(**ASKED)
        with pytest.raises(anthropic.PermissionDeniedError):
            client.messages.create(**ASKED, extra_body={"fallbacks": [{"model": "claude-opus-4-8"}]})
