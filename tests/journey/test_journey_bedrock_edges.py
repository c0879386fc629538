"""The official clients of OpenAI and Anthropic, before a provider that speaks Bedrock's dialects alone."""

import base64
import json
from decimal import Decimal

import anthropic
import harness
import openai
import pytest
from dialects.test_dialect_aws_events import event
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("bedrock")

EVENTS = "application/vnd.amazon.eventstream"
CONFIG = """
providers:
  bedrock: {base_url: URL/aws, region: us-east-1}
models:
  haiku: {deployments: [bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0]}
  nova: {deployments: [bedrock/us.amazon.nova-micro-v1:0]}
"""
USED = {"inputTokens": 100, "outputTokens": 10, "totalTokens": 1110, "cacheReadInputTokens": 1000}
COST = Decimal("0.000275")  # Haiku 4.5 in a region: 100 at $1.10, 1,000 at $0.11 and 10 at $5.50 a million.
HI = [{"role": "user", "content": "Hi"}]
USAGE = {"input_tokens": 100, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 0, "output_tokens": 10}
MESSAGE = {
    "id": "msg_bdrk_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5-20251001",
    "content": [{"type": "text", "text": "Yes"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
CONVERSED = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"text": "Yes"}, "contentBlockIndex": 0}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": USED, "metrics": {"latencyMs": 5}}),
]


def chunk(body):
    return event("chunk", {"bytes": base64.b64encode(json.dumps(body).encode()).decode(), "p": "ab"})


INVOKED = [
    chunk({"type": "message_start", "message": MESSAGE | {"content": [], "stop_reason": None}}),
    chunk({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes"}}),
    chunk({"type": "content_block_stop", "index": 0}),
    chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}}),
    chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 100}}),
]


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    env = {"AWS_BEARER_TOKEN_BEDROCK": "key-of-bedrock"}
    running = harness.gateway(tmp_path_factory.mktemp("edges"), CONFIG.replace("URL", provider.url), env=env)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def replies(provider):
    def told(*given):
        provider.replies["aws"] = list(given)
        provider.got["aws"].clear()
        return provider.got["aws"]

    return told


@pytest.fixture
def chat(gate):
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as client:
        yield client.chat.completions


@pytest.fixture
def messages(gate):
    with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as client:
        yield client.messages


def cost_of(gate, headers):
    return Decimal(harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0])["cost_usd"])


def test_a_chat_with_a_model_of_bedrocks(gate, replies, chat):
    message = {"role": "assistant", "content": [{"text": "Yes"}]}
    body = {"output": {"message": message}, "stopReason": "max_tokens", "usage": USED}
    got = replies(Reply(json.dumps(body).encode()))
    answer = chat.with_raw_response.create(model="haiku", messages=HI, max_tokens=50, user="somebody")
    said = answer.parse()
    assert (said.choices[0].message.content, said.choices[0].finish_reason, said.model) == ("Yes", "length", "haiku")
    assert (said.usage.prompt_tokens, said.usage.prompt_tokens_details.cached_tokens) == (1100, 1000)
    assert answer.headers["x-fareway-dropped"] == "user"
    assert cost_of(gate, answer.headers) == COST
    assert got[0].path == "/aws/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    assert json.loads(got[0].body) == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 50},
    }


@pytest.mark.parametrize("wanted", [True, False])
def test_a_streamed_chat(gate, replies, chat, wanted):
    replies(Reply(b"".join(CONVERSED), content_type=EVENTS))
    answer = chat.with_raw_response.create(
        model="haiku", messages=HI, stream=True, stream_options={"include_usage": wanted}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = list(answer.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Yes"
    usage = [c.usage for c in chunks if c.usage]
    assert [Decimal(str(u.cost)) for u in usage] == ([COST] if wanted else [])
    assert cost_of(gate, answer.headers) == COST


def test_a_message_to_a_model_of_anthropics_at_bedrock(gate, replies, messages):
    told = json.dumps(MESSAGE).encode()
    got = replies(Reply(told))
    answer = messages.with_raw_response.create(
        model="haiku", messages=HI, max_tokens=50, extra_headers={"anthropic-beta": "context-1m-2025-08-07,new-1"}
    )
    assert answer.http_response.content == told
    assert answer.headers["x-fareway-dropped"] == "anthropic-beta: new-1"
    assert cost_of(gate, answer.headers) == COST
    assert got[0].path == "/aws/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke"
    assert json.loads(got[0].body) == {
        "messages": HI,
        "max_tokens": 50,
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["context-1m-2025-08-07"],
    }
    assert "anthropic-beta" not in got[0].headers


def test_a_streamed_message(gate, replies, messages):
    got = replies(Reply(b"".join(INVOKED), content_type=EVENTS))
    with messages.stream(model="haiku", messages=HI, max_tokens=50) as stream:
        message = stream.get_final_message()
        headers = stream.response.headers
    assert (message.content[0].text, message.stop_reason, message.usage.output_tokens) == ("Yes", "end_turn", 10)
    assert cost_of(gate, headers) == COST
    assert got[0].path.endswith("/invoke-with-response-stream")


def test_what_cannot_be_carried_is_refused_before_anything_is_asked(replies, chat):
    got = replies(Reply())
    with pytest.raises(openai.BadRequestError, match="seed cannot be carried") as refused:
        chat.create(model="nova", messages=HI, seed=7)
    assert refused.value.param == "seed"
    assert not got


def test_no_other_makers_models_take_messages_there(replies, messages):
    got = replies(Reply())
    with pytest.raises(anthropic.BadRequestError, match=r"calls of this kind .* be asked by .*, openai-chat,"):
        messages.create(model="nova", messages=HI, max_tokens=5)
    assert not got


def test_a_refusal_of_bedrocks_is_worded_for_the_caller(replies, chat, messages):
    said = Reply(b'{"message":"Too many tokens."}', status=429, headers={"x-amzn-ErrorType": "ThrottlingException"})
    replies(said)
    with pytest.raises(openai.RateLimitError, match="Too many tokens"):
        chat.create(model="haiku", messages=HI)
    with pytest.raises(anthropic.RateLimitError, match="Too many tokens"):
        messages.create(model="haiku", messages=HI, max_tokens=5)


def test_a_stream_that_breaks_off_is_no_clean_end(replies, chat):
    replies(Reply(b"".join(CONVERSED[:2]), content_type=EVENTS))
    with pytest.raises(openai.APIError, match="ended before it was complete"):
        list(chat.create(model="haiku", messages=HI, stream=True))
