"""The official openai package, at /v1/chat/completions."""

import json

from openai import OpenAI
from play import LEAVE_AFTER, WEATHER

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}


def asking(call, client, messages=None, **more):
    said = messages or [{"role": "user", "content": call.prompt}]
    return client.chat.completions.create(model=call.model, messages=said, **more)


def connect(call):
    return OpenAI(base_url=f"{call.base}/v1", api_key=call.key)


def answer(call):
    with connect(call) as client:
        said = asking(call, client)
    return {"text": said.choices[0].message.content, "output_tokens": said.usage.completion_tokens}


def stream(call):
    with connect(call) as client, asking(call, client, stream=True, stream_options={"include_usage": True}) as chunks:
        came = list(chunks)
    pieces = [c.choices[0].delta.content for c in came if c.choices and c.choices[0].delta.content]
    return {"text": "".join(pieces), "pieces": len(pieces), "output_tokens": came[-1].usage.completion_tokens}


def tools(call):
    asked = [{"role": "user", "content": call.prompt}]
    with connect(call) as client:
        message = asking(call, client, asked, tools=[TOOL]).choices[0].message
        (used,) = message.tool_calls
        result = {"role": "tool", "tool_call_id": used.id, "content": "Sunny."}
        last = asking(call, client, [*asked, message.model_dump(exclude_none=True), result], tools=[TOOL])
    return {"tool": json.loads(used.function.arguments), "text": last.choices[0].message.content}


def cancel(call):
    with connect(call) as client, asking(call, client, stream=True) as chunks:
        pieces = [chunk for chunk, _ in zip(chunks, range(LEAVE_AFTER), strict=False)]
    return {"pieces": len(pieces)}
