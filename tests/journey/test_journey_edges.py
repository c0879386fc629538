"""Every edge, a real client before it and a simulator behind it, which knows nothing of translation: a tool is called
twice at once, its results are told, the answer quotes them; and what the ledger says is what the simulator bills."""

from decimal import Decimal

import anthropic
import pytest
from google import genai
from google.genai import types
from road import road, said, spent

from gateway.translate.edges import EDGES

pytestmark = pytest.mark.xdist_group("edges")

BEHIND = {
    "openai-chat": ("openai", "gpt-5"),
    "anthropic-messages": ("anthropic", "claude-sonnet-4-6"),
    "gemini": ("google", "gemini-3-flash-preview"),
    "bedrock-converse": ("aws", "us.anthropic.claude-sonnet-4-6"),
    "bedrock-invoke": ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
}
"""A model for each dialect that edges lead to, and whose prices it has."""

CONFIG = "providers:\n" + "".join(
    f"  {dialect}-sim: {{kind: sim, base_url: SIM_URL/v1, dialects: [{dialect}], prices: {prices}}}\n"
    for dialect, (prices, _) in BEHIND.items()
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TALK = said("[[sim: calls=2]] Use a tool")
TOLD = ["18 °C", "Rain 🌦"]


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("edges"), CONFIG) as found:
        yield found


def chat(way, model, *, stream):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    fields = {"model": model, "tools": tools, "reasoning_effort": "high", "max_completion_tokens": 4000}
    with way.client() as client:

        def ask(messages):
            if not stream:
                return client.chat.completions.create(messages=messages, **fields).choices[0].message
            with client.chat.completions.stream(messages=messages, **fields) as events:
                return events.get_final_completion().choices[0].message

        calls = ask(TALK)
        turn = calls.model_dump(exclude_none=True, exclude={"parsed"})
        for call in turn["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": text}
            for call, text in zip(calls.tool_calls, TOLD, strict=True)
        ]
        return ask([*TALK, turn, *results]).content


def messages(way, model, *, stream):
    fields = {
        "model": model,
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
    }
    with anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client:

        def ask(talk):
            if not stream:
                return client.messages.create(messages=talk, **fields).content
            with client.messages.stream(messages=talk, **fields) as events:
                return events.get_final_message().content

        blocks = ask(TALK)
        calls = [block for block in blocks if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": text}
            for call, text in zip(calls, TOLD, strict=True)
        ]
        after = ask([*TALK, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}])
        return "".join(block.text for block in after if block.type == "text")


def responses(way, model, *, stream):
    fields = {
        "model": model,
        "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}],
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    with way.client() as client:

        def ask(items):
            if not stream:
                return client.responses.create(input=items, **fields)
            with client.responses.stream(input=items, **fields) as events:
                return events.get_final_response()

        first = ask(TALK)
        calls = [item for item in first.output if item.type == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": text}
            for call, text in zip(calls, TOLD, strict=True)
        ]
        hide = {"status", "parsed_arguments"}
        again = [item.model_dump(exclude_none=True, exclude=hide) for item in first.output]
        return ask([*TALK, *again, *results]).output_text


def contents(way, model, *, stream):
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        thinking_config=types.ThinkingConfig(thinking_level="HIGH", include_thoughts=True),
        max_output_tokens=4000,
    )
    with genai.Client(api_key=way.first, http_options={"base_url": way.url}) as client:

        def ask(talk):
            """All parts of the answer."""
            if not stream:
                return client.models.generate_content(model=model, contents=talk, config=config).parts
            chunks = client.models.generate_content_stream(model=model, contents=talk, config=config)
            return [part for chunk in chunks for part in chunk.parts or ()]

        first = types.Content(role="user", parts=[types.Part(text=TALK[0]["content"])])
        parts = ask([first])
        calls = [part.function_call for part in parts if part.function_call]
        results = [
            types.FunctionResponse(id=call.id, name=call.name, response={"output": text})
            for call, text in zip(calls, TOLD, strict=True)
        ]
        back = types.Content(role="user", parts=[types.Part(function_response=result) for result in results])
        after = ask([first, types.Content(role="model", parts=parts), back])
        return "".join(part.text for part in after if part.text and not part.thought)


CLIENTS = {
    "openai-chat": chat,
    "anthropic-messages": messages,
    "openai-responses": responses,
    "gemini": contents,
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.inbound}-{edge.outbound}")
def test_a_tool_and_back_and_the_books(way, edge, stream):
    before = len(way.bill())
    model = f"{edge.outbound}-sim/{BEHIND[edge.outbound][1]}"
    assert CLIENTS[edge.inbound](way, model, stream=stream) == f"It says: {', '.join(TOLD)}"
    lines = way.bill()[before:]
    assert len(lines) == 2
    for line in lines:
        (entry,) = way.entries_of(line["gateway_request_id"])
        assert spent([entry]) == Decimal(line["cost_usd"]) > 0
        assert (entry["outcome"], entry["cost_status"]) == ("ok", "exact")
