"""The official openai package, at /v1/responses."""

import json

from openai import OpenAI
from play import LEAVE_AFTER, WEATHER

TOOL = {"type": "function", "name": "weather", "description": "The weather.", "parameters": WEATHER, "strict": False}


def connect(call):
    return OpenAI(base_url=f"{call.base}/v1", api_key=call.key)


def answer(call):
    with connect(call) as client:
        said = client.responses.create(model=call.model, input=call.prompt)
    return {"text": said.output_text, "output_tokens": said.usage.output_tokens}


def stream(call):
    with connect(call) as client, client.responses.create(model=call.model, input=call.prompt, stream=True) as events:
        came = list(events)
    pieces = [e.delta for e in came if e.type == "response.output_text.delta"]
    if came[-1].type != "response.completed":  # An error is an event like others; the application has to look.
        return {"error": type(came[-1]).__name__, "message": str(came[-1])}
    return {
        "text": "".join(pieces),
        "pieces": len(pieces),
        "output_tokens": came[-1].response.usage.output_tokens,
    }


def tools(call):
    asked = [{"role": "user", "content": call.prompt}]
    with connect(call) as client:
        first = client.responses.create(model=call.model, input=asked, tools=[TOOL])
        (used,) = [item for item in first.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": used.call_id, "output": "Sunny."}
        more = [*asked, *(item.model_dump(exclude_none=True) for item in first.output), result]
        last = client.responses.create(model=call.model, input=more, tools=[TOOL])
    return {"tool": json.loads(used.arguments), "text": last.output_text}


def cancel(call):
    pieces = 0
    with connect(call) as client, client.responses.create(model=call.model, input=call.prompt, stream=True) as events:
        for event in events:
            pieces += event.type == "response.output_text.delta"
            if pieces == LEAVE_AFTER:
                break
    return {"pieces": pieces}
