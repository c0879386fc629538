"""langchain-openai."""

from langchain_chat import answer_of, cancel_of, stream_of, tools_of
from langchain_openai import ChatOpenAI


def model(call):
    return ChatOpenAI(model=call.model, base_url=f"{call.base}/v1", api_key=call.key, stream_usage=True)


def answer(call):
    return answer_of(model(call), call)


def stream(call):
    return stream_of(model(call), call)


def tools(call):
    return tools_of(model(call), call)


def cancel(call):
    return cancel_of(model(call), call)
