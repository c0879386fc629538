"""langchain-anthropic."""

from langchain_anthropic import ChatAnthropic
from langchain_chat import answer_of, cancel_of, stream_of, tools_of


def model(call):
    return ChatAnthropic(model=call.model, base_url=call.base, api_key=call.key, max_tokens=4000)


def answer(call):
    return answer_of(model(call), call)


def stream(call):
    return stream_of(model(call), call)


def tools(call):
    return tools_of(model(call), call)


def cancel(call):
    return cancel_of(model(call), call)
