"""LiteLLM as a client: its openai/ prefix, which is how it asks a gateway that speaks OpenAI's chat."""

import json

import litellm
from play import LEAVE_AFTER, WEATHER

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}


def asking(call, messages=None, **more):
    said = messages or [{"role": "user", "content": call.prompt}]
    return litellm.completion(
        model=f"openai/{call.model}", messages=said, api_base=f"{call.base}/v1", api_key=call.key, **more
    )


def answer(call):
    said = asking(call)
    return {"text": said.choices[0].message.content, "output_tokens": said.usage.completion_tokens}


def stream(call):
    came = list(asking(call, stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in came if c.choices and c.choices[0].delta.content]
    return {"text": "".join(pieces), "pieces": len(pieces), "output_tokens": came[-1].usage.completion_tokens}


def tools(call):
    asked = [{"role": "user", "content": call.prompt}]
    message = asking(call, asked, tools=[TOOL]).choices[0].message
    (used,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": used.id, "content": "Sunny."}
    last = asking(call, [*asked, message.model_dump(exclude_none=True), result], tools=[TOOL])
    return {"tool": json.loads(used.function.arguments), "text": last.choices[0].message.content}


def cancel(call):
    chunks = asking(call, stream=True)
    pieces = [chunk for chunk, _ in zip(chunks, range(LEAVE_AFTER), strict=False)]
    chunks.completion_stream.close()
    return {"pieces": len(pieces)}
