"""A request of Anthropic's messages as a chat completion's."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.dialects.base import Quirk
from gateway.translate import chat_effort
from gateway.translate.anthropic_messages_to_openai_chat.tools import choice, tool
from gateway.translate.anthropic_messages_to_openai_chat.turns import messages_of, system
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import NO_SETTING, Fields
from gateway.translate.messages_asked import leave_out
from gateway.translate.schemas import strictly

STOPS_MAX = 4
"""Stop sequences that OpenAI takes."""

USER_CHARACTERS_MAX = 64
"""Of `user`: OpenAI refuses longer ones, and Claude Code's is longer."""


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    body = Fields.of_body(asked.body, losses)
    body.any("model")
    cap = body.whole("max_tokens") or 0
    own = Quirk.CAPS_COMPLETION_TOKENS in target.quirks
    made: dict[str, Any] = {"model": target.model}
    made["max_completion_tokens" if own else "max_tokens"] = min(cap, target.output_tokens_max)
    messages = system(body, "system") + _conversation(body, recalls=chat_effort.recalls(target.model))
    chosen = choice(body)
    if tools := [known for given in body.each("tools") if (known := tool(given)) is not None]:
        made |= {"tools": tools} | chosen
    level, answers = _output(body)
    made |= chat_effort.asked(body, level, target, cap, tools=bool(tools)) | answers | _plainly(body, own=own)
    if asked.betas:
        losses.note("anthropic-beta")
    body.drop("top_k", NO_SETTING)
    leave_out(body)
    body.end()
    return Asked(msgspec.json.encode(made | {"messages": messages}))


def _conversation(body: Fields, *, recalls: bool) -> list[dict[str, Any]]:
    turns = [messages_of(turn, recalls=recalls) for turn in body.each("messages")]
    if turns and turns[-1] and turns[-1][-1]["role"] == "assistant":
        body.lose(f"messages[{len(turns) - 1}]", "A chat's model does not go on with a turn of its own.")
        turns.pop()
    return [message for turn in turns for message in turn]


def _plainly(body: Fields, *, own: bool) -> dict[str, Any]:
    """What is there under the same or another name. A temperature or top_p of 1 is what is anyway: it is left out,
    because models that reason refuse both. `own`: it goes to OpenAI itself."""
    made: dict[str, Any] = {}
    if (stream := body.flag("stream")) is not None:
        made["stream"] = stream
    for name in ("temperature", "top_p"):
        if (value := body.number(name)) not in (None, 1):
            made[name] = value
    stops = body.items("stop_sequences")
    if len(stops) > STOPS_MAX:
        body.lose("stop_sequences", f"A chat takes {STOPS_MAX} of them at most.")
    elif stops:
        made["stop"] = stops
    who = body.object("metadata")
    user = None if who is None else who.text("user_id")
    if who is not None and user is not None and len(user) > USER_CHARACTERS_MAX:
        who.hint("user_id")
    elif user:
        made["user"] = user
    if body.text("service_tier") == "standard_only" and own:
        made["service_tier"] = "default"
    return made


def _output(body: Fields) -> tuple[str | None, dict[str, Any]]:
    """The effort that is asked for, and a schema for the answer, kept to strictly, as it is at Anthropic, where OpenAI
    can."""
    config = body.object("output_config")
    level = None if config is None else config.text("effort")
    described = None if config is None else config.object("format")
    if config is not None:
        config.note("task_budget")
    if described is None:
        described = body.object("output_format")  # Its name before it was generally available.
    if described is None:
        return level, {}
    if described.needed("type") != "json_schema":
        described.drop_all("Only json_schema is known.")
        return level, {}
    schema = described.mapping("schema")
    strict = strictly(schema)
    if strict is None:
        body.leave(described.path)  # The model is told, and not everybody makes it keep to it.
    told = {"name": "answer", "schema": strict or schema, "strict": strict is not None}
    return level, {"response_format": {"type": "json_schema", "json_schema": told}}
