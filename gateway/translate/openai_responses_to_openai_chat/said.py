"""What a chat completion says, in a whole message or in a piece of one, as the providers of this dialect write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from gateway.core.usage import Report
from gateway.dialects.base import NOTHING_YET, Quirk
from gateway.dialects.spoken import DIALECTS
from gateway.translate import pictures
from gateway.translate.chat_said import BROKEN_OFF, arguments_of
from gateway.translate.edge import Told
from gateway.translate.sealed import seal

DIALECT = "openai-chat"

REASONING = ("reasoning_content", "reasoning")
"""What providers call the thoughts that they show. Where both are there, they say the same."""

INCOMPLETE = {
    "length": "max_output_tokens",
    "model_length": "max_output_tokens",
    "content_filter": "content_filter",
} | dict.fromkeys(BROKEN_OFF, "max_output_tokens")
"""Why a response is incomplete, by finish reasons."""

_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
_lens = DIALECTS[DIALECT]


class Piece(NamedTuple):
    """Some text. `kind` is "thought", "text" or "refusal"; `field`, of a thought, what the provider calls it."""

    kind: str
    text: str
    field: str = ""


class Call(NamedTuple):
    """A call of a tool, or some more of one."""

    index: Any  # Which of several, where the provider counts.
    call_id: str
    name: str
    arguments: str
    extra: Any  # What the provider wants to have back beside it: Gemini's signatures of thoughts.


def pieces(message: dict[str, Any]) -> Iterator[Piece]:
    """The thoughts and texts of a message, or of the delta of one, in their order."""
    for field in REASONING:
        if found := _string(message.get(field)):
            yield Piece("thought", found, field)
            break
    content = message.get("content")
    if isinstance(content, list):  # Mistral's.
        yield from (piece for part in content if isinstance(part, dict) for piece in _of_part(part))
    elif found := _string(content):
        yield Piece("text", found)
    if found := pictures.told(message):
        yield Piece("text", found)
    if found := _string(message.get("refusal")):
        yield Piece("refusal", found)


def calls(message: dict[str, Any]) -> Iterator[Call]:
    """The calls of tools in it."""
    given = message.get("tool_calls")
    for call in given if isinstance(given, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield Call(
                call.get("index"),
                _string(call.get("id")),
                _string(function.get("name")),
                arguments_of(function),
                call.get("extra_content"),
            )


def named(call: Call, place: int, told: Told) -> Call:
    """The call in this place, with an id also where the provider gave it none."""
    return call if call.call_id else call._replace(call_id=f"call_{told.request_id}_{place}")


def first_choice(found: Any) -> dict[str, Any]:
    """Of a completion or a chunk: this API knows one answer only. Empty if there is none."""
    choices = found.get("choices") if isinstance(found, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            return choice
    return {}


def logprobs(choice: dict[str, Any]) -> list[Any]:
    """How probable the tokens of its text were, where that was asked for. Both APIs write it alike."""
    found = choice.get("logprobs")
    listed = found.get("content") if isinstance(found, dict) else None
    return listed if isinstance(listed, list) else []


def report(data: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
    """What it says about usage."""
    return _lens.report(data, quirks, before)


def tier(found: Any) -> str | None:
    """The tier that served, where both APIs have a name for it."""
    return found if isinstance(found, str) and found in _TIERS else None


def sealed(texts: dict[str, str], extra: dict[str, Any]) -> str | None:
    """What is to come back with the next turn: thoughts by their field, and what belongs to calls, by their ids."""
    block: dict[str, Any] = dict(texts)
    if extra:
        block["extra_content"] = extra
    return seal(DIALECT, block) if block else None


def _of_part(part: dict[str, Any]) -> Iterator[Piece]:
    if part.get("type") == "text" and (found := _string(part.get("text"))):
        yield Piece("text", found)
    elif part.get("type") == "thinking" and isinstance(part.get("thinking"), list):
        for inner in part["thinking"]:
            if isinstance(inner, dict) and (found := _string(inner.get("text"))):
                yield Piece("thought", found, REASONING[0])


def _string(found: Any) -> str:
    return found if isinstance(found, str) else ""
