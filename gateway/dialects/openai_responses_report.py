"""What an answer of OpenAI's Responses API, or an event of its stream, says about itself.

Usage comes with the last event alone: `response.completed`, `response.incomplete` or `response.failed`. So does the
tier that served: earlier events still say "auto".
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from gateway.core.usage import Extras, Report, Turn, Usage
from gateway.dialects.base import NOTHING_YET, Quirk, id_of
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX, UNREADABLE, charged, counted_newer, read_newer_usage

LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})

IMAGE_MODEL = "gpt-image-1"
"""Draws where the tool names no model, by the types of openai-python 3.52.0."""


class _Event(msgspec.Struct):
    type: Any = None
    response: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct):
    """The fields that money depends on."""

    id: Any = None
    model: Any = None
    service_tier: Any = None
    status: Any = None
    error: Any = None
    usage: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    tool_usage: Any = None


class _Item(msgspec.Struct):
    """Of the output: what a tool of the provider's did."""

    type: Any = None
    action: Any = None
    container_id: Any = None


class _Tool(msgspec.Struct):
    type: Any = None
    model: Any = None


_SERVERS_TOOLS = re.compile(
    rb'"type"\s*:\s*"(?:web_search|x_search|file_search|code_interpreter|image_generation|mcp)_call"'
)
"""What the provider's own tools leave in an answer. The model was asked once more after each, at most."""

T = TypeVar("T")
_NOTHING = Usage(requests=0)
_events = msgspec.json.Decoder(_Event)
_responses = msgspec.json.Decoder(_Response)
_items = msgspec.json.Decoder(list[_Item])
_tools = msgspec.json.Decoder(list[_Tool])


def read_report(message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
    """See `Dialect.report`. Garbage says nothing."""
    try:
        return _read(message, quirks, before)
    except UNREADABLE:
        return before


def _read(message: bytes, quirks: frozenset[Quirk], before: Report) -> Report:
    event = _events.decode(message)
    said = _responses.decode(event.response if bytes(event.response) else message)
    last = isinstance(event.type, str) and event.type in LAST
    report = Report(
        usage=before.usage,
        model=said.model if isinstance(said.model, str) else before.model,
        service_tier=said.service_tier if isinstance(said.service_tier, str) else before.service_tier,
        cost=before.cost,
        failed=event.type == "error" or said.status == "failed" or bool(said.error),
        clamped=before.clamped,
        turns=before.turns,
        raw=before.raw,
        last=last,
        answer_id=id_of(said.id, before),
    )
    raw = bytes(said.usage)
    return report if raw in (b"", b"null") else _with_usage(report, said, raw, quirks)


def _with_usage(report: Report, said: _Response, raw: bytes, quirks: frozenset[Quirk]) -> Report:
    usage, clamped = counted_newer(raw)  # Reasoning is inside the output here, at xAI too.
    if usage is None:
        return replace(report, clamped=True)
    cost = charged(raw, quirks)
    usage = replace(usage, extras=_extras(said, raw), prompt=_prompt(usage, said))
    drawing = _drawing(said)
    return replace(
        report,
        usage=_together(usage, drawing) if drawing else usage,
        cost=report.cost if cost is None else cost,
        clamped=clamped or report.clamped,
        turns=(Turn(usage), *drawing) if drawing else (),
        raw=raw,
    )


def _prompt(usage: Usage, said: _Response) -> int | None:
    """See `Usage.prompt`: the largest turn of so many has no less than all have on average."""
    calls = len(_SERVERS_TOOLS.findall(said.output))
    return usage.input_total // (calls + 1) if calls else None


def _extras(said: _Response, raw: bytes) -> Extras | None:
    """What the provider's own tools did: by its own counters where there are any, else by the items of the output.

    A web search is charged for each `search`, not for pages that are opened (facts of litellm 1.109.1); a container
    for running code, once each.
    """
    if b"server_side_tool_usage_details" in raw:
        return _extras_of_xai(msgspec.json.decode(raw))
    output = bytes(said.output)
    counted = _number(said.tool_usage, "web_search", "num_requests")
    if not counted and b"_call" not in output:
        return None
    items = _list(_items, said.output)
    searches = sum(item.type == "web_search_call" and _searches(item.action) for item in items)
    containers = {str(item.container_id) for item in items if item.type == "code_interpreter_call"}
    extras = Extras(
        web_searches=searches if counted is None else counted,
        file_searches=sum(item.type == "file_search_call" for item in items),
        code_sessions=len(containers),
    )
    return extras if extras.counted() else None


def _searches(action: Any) -> bool:
    return not isinstance(action, dict) or action.get("type", "search") == "search"


def _extras_of_xai(usage: dict[str, Any]) -> Extras | None:
    details = usage.get("server_side_tool_usage_details")
    extras = Extras(
        web_searches=_number(details, "web_search_calls") or 0,
        x_searches=_number(details, "x_search_calls") or 0,
        file_searches=_number(details, "file_search_calls") or 0,
        code_sessions=_number(details, "code_interpreter_calls") or 0,
    )
    return extras if extras.counted() else None


def _drawing(said: _Response) -> tuple[Turn, ...]:
    """What the image tool used, at the model that it ran on. Where that is not told, a doubtful turn says so."""
    if any(_number(said.tool_usage, "image_gen", name) for name in ("input_tokens", "output_tokens")):
        usage, _ = read_newer_usage(said.tool_usage["image_gen"])
        models = [tool.model for tool in _list(_tools, said.tools) if tool.type == "image_generation"]
        named = next((model for model in models if isinstance(model, str)), None)
        drawn = Turn(replace(usage or _NOTHING, requests=0), named or IMAGE_MODEL)
        return (drawn,) if usage and named else (drawn, Turn(_NOTHING, doubtful=True))
    if _number(said.tool_usage, "image_gen", "output_tokens") == 0 or b"image_generation_call" not in bytes(
        said.output
    ):
        return ()
    images = sum(item.type == "image_generation_call" for item in _list(_items, said.output))
    return (Turn(replace(_NOTHING, extras=Extras(images=images)), IMAGE_MODEL, doubtful=True),) if images else ()


def _together(usage: Usage, drawing: tuple[Turn, ...]) -> Usage:
    """All that the call used."""
    parts = (usage, *(turn.usage for turn in drawing))
    counters = (name for name in Usage.__struct_fields__ if name not in ("final", "extras", "prompt"))
    whole = Usage(**{name: sum(getattr(part, name) for part in parts) for name in counters})
    extras = [part.extras for part in parts if part.extras is not None]
    counted = {name: sum(getattr(one, name) for one in extras) for name in Extras.__struct_fields__}
    return replace(whole, extras=Extras(**counted) if extras else None)


def _list(decoder: msgspec.json.Decoder[list[T]], raw: msgspec.Raw) -> list[T]:
    """What is no list of objects is none."""
    try:
        return decoder.decode(raw)
    except UNREADABLE:
        return []


def _number(found: Any, *path: str) -> int | None:
    """A credible count, deep inside; None if there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if type(found) is int and 0 <= found <= TOKENS_CREDIBLE_MAX else None
