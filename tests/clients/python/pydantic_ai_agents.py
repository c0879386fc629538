"""pydantic-ai: an agent that calls tools by itself, over a model of either dialect."""

import asyncio

from play import LEAVE_AFTER
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def agent(call):
    provider = OpenAIProvider(base_url=f"{call.base}/v1", api_key=call.key)
    return Agent(OpenAIChatModel(call.model, provider=provider))


def answer(call):
    said = agent(call).run_sync(call.prompt)
    return {"text": said.output, "output_tokens": said.usage.output_tokens}


def stream(call):
    return asyncio.run(_streamed(agent(call), call, most=10**9))


def tools(call):
    used = {}
    asked = agent(call)

    @asked.tool_plain
    def weather(city: str) -> str:
        """The weather."""
        used["city"] = city
        return "Sunny."

    return {"text": asked.run_sync(call.prompt).output, "tool": used}


def cancel(call):
    return asyncio.run(_streamed(agent(call), call, most=LEAVE_AFTER))


async def _streamed(asked, call, most):
    pieces = []
    async with asked.run_stream(call.prompt) as said:
        async for piece in said.stream_text(delta=True, debounce_by=None):
            pieces.append(piece)
            if len(pieces) == most:
                return {"pieces": most}
        return {"text": "".join(pieces), "pieces": len(pieces), "output_tokens": said.usage.output_tokens}
