"""A turn that a model of another maker answered, over an edge, is in the conversation when it comes back to a provider
that speaks the caller's own dialect: the simulator refuses what it has not signed itself, as that provider does."""

from contextlib import closing

import anthropic
import pytest
from google import genai
from google.genai import types
from road import road, said

pytestmark = pytest.mark.xdist_group("simulated")

CONFIG = """
providers:
  chat-sim: {kind: sim, prices: openai, base_url: SIM_URL/v1, dialects: [openai-chat]}
  responses-sim: {kind: sim, prices: openai, base_url: SIM_URL/v1, dialects: [openai-responses, openai-count-tokens]}
  claude-sim:
    {kind: sim, prices: anthropic, base_url: SIM_URL/v1, dialects: [anthropic-messages, anthropic-count-tokens]}
  gemini-sim: {kind: sim, prices: google, base_url: SIM_URL/v1, dialects: [gemini]}
  bedrock-sim: {kind: sim, prices: aws, base_url: SIM_URL/v1, dialects: [bedrock-invoke]}
"""
CLAUDE, BEDROCK = "claude-sim/claude-haiku-4-5", "bedrock-sim/us.anthropic.claude-haiku-4-5-20251001-v1:0"
GEMINI, OPENAI = "gemini-sim/gemini-3-flash-preview", "responses-sim/gpt-5-mini"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ANSWER = "It says: 18 °C"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("returning"), CONFIG) as found:
        yield found


@pytest.mark.parametrize("claude", [CLAUDE, BEDROCK])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("thinking", "dropped"),
    [
        ({"type": "adaptive"}, "messages.content.thinking"),
        ({"type": "enabled", "budget_tokens": 1024}, "messages.content.thinking, thinking"),
    ],
)
def test_claude_goes_on_after_gemini(way, claude, stream, thinking, dropped):
    """Where Claude would demand thoughts that it has signed, for a budget to think, it goes on without thinking."""
    fields = {"max_tokens": 3000, "tools": [{"name": "weather", "input_schema": SCHEMA}], "thinking": thinking}
    with anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client:
        if stream:
            with client.messages.stream(model=GEMINI, messages=said("Use a tool"), **fields) as events:
                first = events.get_final_message()
        else:
            first = client.messages.create(model=GEMINI, messages=said("Use a tool"), **fields)
        assert [block.type for block in first.content] == ["thinking", "tool_use"]
        result = [{"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "18 °C"}]
        talk = [*said("Use a tool"), {"role": "assistant", "content": first.content}]
        talk.append({"role": "user", "content": result})
        raw = client.messages.with_raw_response.create(model=claude, messages=talk, **fields)
        back = client.messages.create(model=GEMINI, messages=talk, **fields)
        counted = client.messages.count_tokens(model=CLAUDE, messages=talk, tools=fields["tools"])
    assert raw.parse().content[-1].text == back.content[-1].text == ANSWER
    assert raw.headers["x-fareway-dropped"] == dropped
    assert counted.input_tokens


@pytest.mark.parametrize("claude", [CLAUDE, BEDROCK])
def test_claude_goes_on_after_a_model_that_shows_no_thoughts(way, claude):
    fields = {"max_tokens": 3000, "tools": [{"name": "weather", "input_schema": SCHEMA}]}
    fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    with anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client:
        first = client.messages.create(model="chat-sim/gpt-5", messages=said("Use a tool"), **fields)
        assert [block.type for block in first.content] == ["tool_use"]
        result = [{"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "18 °C"}]
        turn = [{"role": "assistant", "content": first.content}, {"role": "user", "content": result}]
        raw = client.messages.with_raw_response.create(model=claude, messages=said("Use a tool") + turn, **fields)
    assert raw.parse().content[-1].text == ANSWER
    assert raw.headers["x-fareway-dropped"] == "thinking"


def test_openai_goes_on_after_claude(way):
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    fields = {"reasoning": {"effort": "high", "summary": "auto"}, "store": False, "tools": tools}
    fields["include"] = ["reasoning.encrypted_content"]
    with way.client() as client:
        first = client.responses.create(model=CLAUDE, input="Use a tool", **fields)
        assert [item.type for item in first.output] == ["reasoning", "function_call"]
        result = {"type": "function_call_output", "call_id": first.output[-1].call_id, "output": "18 °C"}
        items = [item.model_dump(exclude={"status"}) for item in first.output]
        talk = [*said("Use a tool"), *items, result]
        raw = client.responses.with_raw_response.create(model=OPENAI, input=talk, **fields)
        counted = client.responses.input_tokens.count(model=OPENAI, input=talk, tools=tools)
    assert raw.parse().output_text == ANSWER
    assert raw.headers["x-fareway-dropped"] == "input.reasoning"
    assert counted.input_tokens


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("stream", [False, True])
def test_gemini_goes_on_after_a_model_behind_chat(way, stream):
    """And back: that nobody signed a call is no hint that a chat would miss."""
    weather = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[weather])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    with closing(genai.Client(api_key=way.first, http_options=types.HttpOptions(base_url=way.url))) as client:
        models = client.models
        ask = models.generate_content_stream if stream else lambda **asked: [models.generate_content(**asked)]
        *_, first = ask(model="chat-sim/gpt-5", contents="Use a tool", config=config)
        result = types.Part.from_function_response(name="weather", response={"output": "18 °C"})
        talk = [types.UserContent("Use a tool"), first.candidates[0].content, types.UserContent([result])]
        told = models.generate_content(model=GEMINI, contents=talk, config=config)
        back = models.generate_content(model="chat-sim/gpt-5", contents=talk, config=config)
    assert told.text == back.text == ANSWER
    assert "x-fareway-dropped" not in back.sdk_http_response.headers
