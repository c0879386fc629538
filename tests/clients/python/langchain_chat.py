"""LangChain's chat models: what the clients of langchain-openai and langchain-anthropic have in common."""

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from play import LEAVE_AFTER


@tool
def weather(city: str) -> str:
    """The weather."""
    return f"In {city}: Sunny."


def answer_of(model, call):
    said = model.invoke(call.prompt)
    return {"text": said.text, "output_tokens": said.usage_metadata["output_tokens"]}


def stream_of(model, call):
    came = list(model.stream(call.prompt))
    pieces = [chunk.text for chunk in came if chunk.text]
    whole = came[0]
    for chunk in came[1:]:
        whole += chunk
    return {"text": "".join(pieces), "pieces": len(pieces), "output_tokens": whole.usage_metadata["output_tokens"]}


def tools_of(model, call):
    bound = model.bind_tools([weather])
    asked = HumanMessage(call.prompt)
    first = bound.invoke([asked])
    (used,) = first.tool_calls
    result = ToolMessage(weather.invoke(used["args"]), tool_call_id=used["id"])
    return {"tool": used["args"], "text": bound.invoke([asked, first, result]).text}


def cancel_of(model, call):
    chunks = model.stream(call.prompt)
    pieces = [chunk for chunk, _ in zip(chunks, range(LEAVE_AFTER), strict=False)]
    chunks.close()
    return {"pieces": len(pieces)}
