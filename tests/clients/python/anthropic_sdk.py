"""The official anthropic package."""

from anthropic import Anthropic
from play import LEAVE_AFTER, WEATHER

TOOL = {"name": "weather", "description": "The weather.", "input_schema": WEATHER}


def connect(call):
    return Anthropic(base_url=call.base, api_key=call.key)


def fields(call, messages=None):
    said = messages or [{"role": "user", "content": call.prompt}]
    return {"model": call.model, "max_tokens": 4000, "messages": said}


def text(message):
    return "".join(block.text for block in message.content if block.type == "text")


def answer(call):
    with connect(call) as client:
        said = client.messages.create(**fields(call))
    return {"text": text(said), "output_tokens": said.usage.output_tokens}


def stream(call):
    with connect(call) as client, client.messages.stream(**fields(call)) as events:
        pieces = list(events.text_stream)
        said = events.get_final_message()
    if said.stop_reason != "end_turn":
        raise RuntimeError(f"it stopped because of {said.stop_reason}")
    return {"text": "".join(pieces), "pieces": len(pieces), "output_tokens": said.usage.output_tokens}


def tools(call):
    asked = [{"role": "user", "content": call.prompt}]
    with connect(call) as client:
        first = client.messages.create(**fields(call, asked), tools=[TOOL])
        (used,) = [block for block in first.content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": used.id, "content": "Sunny."}
        turns = [
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
            {"role": "user", "content": [result]},
        ]
        last = client.messages.create(**fields(call, asked + turns), tools=[TOOL])
    return {"tool": used.input, "text": text(last)}


def cancel(call):
    with connect(call) as client, client.messages.stream(**fields(call)) as events:
        pieces = [piece for piece, _ in zip(events.text_stream, range(LEAVE_AFTER), strict=False)]
    return {"pieces": len(pieces)}
