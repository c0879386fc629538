"""A chat completion's request as one of Anthropic's messages."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.claude import Claude, claude_of
from gateway.translate.claude_effort import Frame
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import NO_SETTING, Fields
from gateway.translate.openai_chat_to_anthropic_messages import thoughts
from gateway.translate.openai_chat_to_anthropic_messages.tools import choice, tool
from gateway.translate.openai_chat_to_anthropic_messages.turns import Turns
from gateway.translate.schemas import OPEN, for_claude

_HINTS = (
    "store",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "prediction",
)
_NOT_THERE = {  # By what each may say and change nothing.
    "logprobs": (False,),
    "top_logprobs": (0,),
    "seed": (),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "n": (1,),
    "audio": (),
    "modalities": (["text"],),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
    "functions": ([],),
    "function_call": ("none", "auto"),
}
_TEMPERATURE_MAX = 1


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    body = Fields.of_body(asked.body, losses)
    claude = claude_of(target.model)
    body.any("model")
    made: dict[str, Any] = {"model": target.model, "max_tokens": _cap(body, target)}
    turns = Turns()
    for message in body.each("messages"):
        turns.add(message)
    made |= _tools(body, claude, turns.called())
    forced = made.get("tool_choice", {}).get("type") in ("any", "tool")
    made |= thoughts.asked(body, claude, Frame(made["max_tokens"], forced, turns.last_call_unexplained()))
    made |= _sampling(body, claude, thinks=made.get("thinking", {}).get("type") not in (None, "disabled"))
    if answers := _format(body, claude):
        made["output_config"] = made.get("output_config", {}) | answers
    made |= _plainly(body)
    for name, neutral in _NOT_THERE.items():
        body.drop(name, NO_SETTING, unless=neutral)
    body.end()
    return Asked(msgspec.json.encode(made | turns.written()))


def _cap(body: Fields, target: Target) -> int:
    """The larger where both names are given, as it is held for, and no more than the model can do."""
    given = [cap for name in ("max_tokens", "max_completion_tokens") if (cap := body.whole(name)) is not None]
    return min(max(given, default=target.output_tokens_max), target.output_tokens_max)


def _tools(body: Fields, claude: Claude, called: list[str]) -> dict[str, Any]:
    """Tools, and how they may be chosen. Those that were `called` are there also where none may be any more, since
    Anthropic says: "Requests which include `tool_use` or `tool_result` blocks must define tools"."""
    tools = [made for each in body.each("tools") if (made := tool(each, claude)) is not None]
    chosen = choice(body)
    if not tools and called:
        tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in called]
        chosen = {"type": "none"}
    if not tools:
        return {}
    return {"tools": tools} | ({"tool_choice": chosen} if chosen else {})


def _sampling(body: Fields, claude: Claude, *, thinks: bool) -> dict[str, Any]:
    """Temperatures up to 1. A 1 is what is anyway: it is left out, because later models refuse all of these."""
    made: dict[str, Any] = {}
    for name, highest in (("temperature", _TEMPERATURE_MAX), ("top_p", 1), ("top_k", None)):
        value = body.number(name)
        if value is None or (value == 1 and highest == 1):
            continue
        if not claude.samples:
            body.lose(name, "This model does not take it.")
        elif thinks:
            body.lose(name, "A model that thinks does not take it.")
        elif highest is not None and value > highest:
            body.lose(name, f"It goes up to {highest} there.")
        elif name == "top_p" and "temperature" in made and claude.samples_by_one:
            body.lose(name, "This model takes temperature or top_p, not both.")
        else:
            made[name] = value
    return made


def _format(body: Fields, claude: Claude) -> dict[str, Any]:
    """A schema for the answer. It is always kept to strictly, so it is closed where it does not say."""
    given = body.object("response_format")
    kind = "text" if given is None else given.needed("type")
    described = None if given is None else given.object("json_schema")
    if kind == "text":
        return {}
    if kind != "json_schema" or described is None:
        body.lose("response_format", "An answer in JSON needs a schema there: send a json_schema.")
        return {}
    schema, about = described.mapping("schema"), described.text("description")
    for name in ("name", "strict"):
        described.any(name)
    if not claude.formats:
        body.lose("response_format", "This model cannot be held to a schema.")
        return {}
    if (kept := for_claude(schema)) is None:
        described.lose("schema", OPEN)
        return {}
    if not kept.exact:
        described.hint("schema")
    return {"format": {"type": "json_schema", "schema": ({"description": about} if about else {}) | kept.schema}}


def _plainly(body: Fields) -> dict[str, Any]:
    """What is there under another name, and what is only a hint."""
    made: dict[str, Any] = {}
    if (stream := body.flag("stream")) is not None:
        made["stream"] = stream
    if stops := _stops(body):
        made["stop_sequences"] = stops
    if who := body.text("safety_identifier") or body.text("user"):
        made["metadata"] = {"user_id": who}
    tier = body.text("service_tier")
    if tier == "default":
        made["service_tier"] = "standard_only"
    elif tier not in (None, "auto"):
        body.lose("service_tier", "There are only auto and default there.")
    if (marked := body.any("cache_control")) is not None:
        made["cache_control"] = marked
    if (options := body.object("stream_options")) is not None:  # The journey looks after what it says.
        for name in ("include_usage", "include_obfuscation"):
            options.any(name)
    body.note("user", *_HINTS)
    return made


def _stops(body: Fields) -> list[Any]:
    stop = body.any("stop")
    if not isinstance(stop, str | list | None):
        raise BadRequest("stop must be a string or an array", "stop")
    return [stop] if isinstance(stop, str) else stop or []
