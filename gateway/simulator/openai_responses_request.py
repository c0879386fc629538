"""A body of OpenAI's `POST /v1/responses`, read as strictly as OpenAI does where clients have stumbled.

Source: the request and item types of openai-python 3.52.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from gateway.core.request import Countable
from gateway.simulator.asked import Asked, Form, Tool, texts_of, thinking
from gateway.simulator.bodies import Positive, read
from gateway.simulator.calls import PROVIDER
from gateway.simulator.errors import RefusedError, understanding
from gateway.simulator.openai_responses_kept import Kept
from gateway.simulator.seals import genuine

SEAL = "openai"

Item = dict[str, Any]


class Body(Struct, frozen=True):
    """The body."""

    model: str
    input: str | list[Item] = ""
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Positive | None = None
    tools: list[Item] | None = None
    tool_choice: str | Item | None = None
    parallel_tool_calls: bool | None = None
    text: Item | None = None
    reasoning: Item | None = None
    include: list[str] | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    metadata: dict[str, str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    truncation: str | None = None
    user: str | None = None
    prompt_cache_key: str | None = None

    @property
    def items(self) -> list[Item]:
        """The input in items; a text is one."""
        return [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input


@dataclass(frozen=True, slots=True)
class Echo:
    """What the answer repeats of the request, all items before it, and whether it gives reasoning away under a seal."""

    body: dict[str, Any]
    items: list[Item]
    sealed: bool


def asked(body: bytes, beside: Mapping[str, str], kept: Kept) -> Asked:
    """The request, after those that it continues. Raises RefusedError (400)."""
    del beside
    given = read(Body, body)
    if not given.items:
        raise RefusedError(400, "Missing required parameter: 'input'.", "missing_required_parameter", "input")
    given = replace(given, input=[*kept.before(given.previous_response_id), *given.items])
    _check(given.items)
    form = (given.text or {}).get("format") or {}
    effort = given.reasoning or {}
    results = list(_results(given.items))
    last = given.items[-1]
    return Asked(
        model=given.model,
        prompt=(*(given.tools or ()), given.instructions, *given.items),
        countable=_countable(given),
        orders=next((_text(item) for item in reversed(given.items) if item.get("role") == "user"), ""),
        cue="".join(_texts(last)[-1:]) if last.get("role") == "user" else "",
        results=tuple(reversed(results)),
        stream=bool(given.stream),
        cap=given.max_output_tokens,
        tools=tuple(Tool(str(t.get("name")), t.get("parameters")) for t in given.tools or () if _is_function(t)),
        choice=given.tool_choice if isinstance(given.tool_choice, str) else "auto",
        forced=_forced(given.tool_choice),
        parallel=given.parallel_tool_calls is not False,
        form={"json_object": Form(), "json_schema": Form(form.get("schema") or {})}.get(str(form.get("type"))),
        thinking=thinking(effort.get("effort"), shown=bool(effort.get("summary"))),
        echo=Echo(_echo(given), given.items, "reasoning.encrypted_content" in (given.include or ())),
    )


def _echo(given: Body) -> dict[str, Any]:
    effort = given.reasoning or {}
    return {
        "background": False,
        "instructions": given.instructions,
        "max_output_tokens": given.max_output_tokens,
        "max_tool_calls": None,
        "metadata": given.metadata or {},
        "parallel_tool_calls": given.parallel_tool_calls is not False,
        "previous_response_id": given.previous_response_id,
        "prompt_cache_key": given.prompt_cache_key,
        "reasoning": {"effort": effort.get("effort"), "summary": effort.get("summary")},
        "store": given.store is not False,
        "temperature": 1.0 if given.temperature is None else given.temperature,
        "text": given.text or {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": given.tool_choice or "auto",
        "tools": given.tools or [],
        "top_p": 1.0 if given.top_p is None else given.top_p,
        "truncation": given.truncation or "disabled",
        "user": given.user,
    }


def _is_function(tool: Item) -> bool:
    return tool.get("type") == "function"


def _forced(choice: str | Item | None) -> str | None:
    return str(choice.get("name")) if isinstance(choice, dict) and _is_function(choice) else None


def _texts(item: Item) -> tuple[str, ...]:
    content = item.get("content")
    return (content,) if isinstance(content, str) else texts_of(content or ())


def _text(item: Item) -> str:
    return "".join(_texts(item))


def _results(items: list[Item]) -> Iterator[str]:
    """What tools have answered since the model spoke, from the last."""
    for item in reversed(items):
        if item.get("type") != "function_call_output":
            return
        output = item.get("output") or ""
        yield output if isinstance(output, str) else "".join(texts_of(output))


def _countable(given: Body) -> Countable:
    parts = [p for item in given.items for p in (item.get("content") or ()) if isinstance(p, dict)]
    texts = (text for item in given.items for text in _counted(item))
    return Countable(
        texts=tuple(filter(None, (given.instructions, *texts))),
        messages=len(given.items) + (given.instructions is not None),
        tools=msgspec.json.encode(given.tools).decode() if given.tools else "",
        images=sum(part.get("type") == "input_image" for part in parts),
        files=sum(part.get("type") == "input_file" for part in parts),
    )


def _counted(item: Item) -> Iterator[str]:
    yield from _texts(item)
    yield from texts_of(item.get("summary") or ())
    for name in ("name", "arguments", "output"):
        value = item.get(name)
        yield from (value,) if isinstance(value, str) else texts_of(value or ())


def _check(items: list[Item]) -> None:
    """Every call has its output after it, and nothing else has; reasoning comes back as it was."""
    called: set[object] = set()
    for place, item in enumerate(items):
        call, kind = item.get("call_id"), item.get("type")
        if kind == "function_call":
            called.add(call)
        elif kind == "function_call_output":
            if call not in called:
                raise _wrong(f"No tool call found for function call output with call_id {call}.", "input")
            called.discard(call)
        elif kind == "reasoning" and (sealed := item.get("encrypted_content")) and not genuine(sealed, SEAL):
            message = "The encrypted content could not be verified."
            raise RefusedError(400, message, "invalid_encrypted_content", f"input[{place}].encrypted_content")
    if called:
        raise _wrong(f"No tool output found for function call {called.pop()}.", "input")


def _wrong(what: str, param: str) -> RefusedError:
    return RefusedError(400, what, param=param)


async def count_tokens(request: web.Request) -> web.Response:
    """`POST /v1/responses/input_tokens`: what a prompt would be charged as. Counting costs nothing."""
    provider = request.app[PROVIDER]
    given = read(Body, await request.read())
    provider.rates(given.model)
    with understanding():
        countable = _countable(given)
    tokens = await provider.tokens.count(countable, given.model)
    return web.json_response({"object": "response.input_tokens", "input_tokens": tokens})
