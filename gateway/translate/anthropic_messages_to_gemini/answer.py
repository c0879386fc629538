"""An answer of Gemini's as one of Anthropic's messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from gateway.translate import messages_answer, pictures
from gateway.translate.anthropic_messages_to_gemini.signatures import sealed
from gateway.translate.edge import Told
from gateway.translate.gemini import answer as gemini
from gateway.translate.sealed import UNSIGNED

Json = dict[str, Any]


class _Thinking(msgspec.Struct):
    type: str = ""


class _Caller(msgspec.Struct):
    model: str = ""
    thinking: _Thinking | None = None


_callers = msgspec.json.Decoder(_Caller)


class Caller:
    """What the call says that its answer depends on, and names for what this answer holds."""

    def __init__(self, told: Told) -> None:
        asked = _callers.decode(told.asked.body)
        self._call = told.request_id.removeprefix("req_")
        self._given = 0
        self.model = asked.model
        self.thinks = asked.thinking is not None and asked.thinking.type != "disabled"
        self.answer = f"msg_{told.request_id}"

    def of_call(self, call: gemini.Call) -> str:
        """Google's own, where it gives one: newer models do."""
        self._given += 1
        return call.id or f"toolu_{self._call}_{self._given}"


class Said(NamedTuple):
    """One step of an answer: some text or thoughts, what signs the thoughts, or a call."""

    text: str = ""
    thoughts: str = ""
    signature: str = ""  # For a thinking block.
    call: gemini.Call | None = None


def said(parts: Iterable[gemini.Part], *, thinks: bool) -> Iterator[Said]:
    """What an answer holds, in order.

    A call's signature comes before it in any case, since newer models want it back. That of thoughts is told to a
    caller that asked for thinking: many look for text in the first block, and answers are good without. That of text
    comes last, and is not told: Claude Code takes the last block for its result, and Google demands it for calls alone
    (https://ai.google.dev/gemini-api/docs/thought-signatures).
    """
    for part in parts:
        if part.call is not None:
            if part.signature:
                yield Said(signature=sealed(part.signature))
            yield Said(call=part.call)
            continue
        if part.text and not part.thought:
            yield Said(text=part.text)
        elif part.text and thinks:
            yield Said(thoughts=part.text)
        if part.data:
            yield Said(text=pictures.unplaced(part.mime))
        if part.signature and part.thought and thinks:
            yield Said(signature=sealed(part.signature))


def translated(body: bytes, told: Told) -> bytes:
    """The whole answer. Raises ValueError for what is none."""
    answer = gemini.read(body)
    if answer is None or not (answer.candidates or answer.blocked):
        raise ValueError("an answer without candidates")
    caller = Caller(told)
    candidate = answer.candidates[0] if answer.candidates else gemini.NO_CANDIDATE
    content = _content(candidate, caller)
    ended = ending(candidate.finish, candidate.message, answer.blocked, called=_calls(candidate))
    model, usage = answer.model or caller.model, gemini.usage_of(answer.usage)
    made = messages_answer.message(caller.answer, model, content, ended.reason, usage)
    return msgspec.json.encode(made | ({"stop_details": ended.details} if ended.details else {}))


class Ending(NamedTuple):
    """Why an answer ended."""

    reason: str
    details: Json | None = None


def ending(finish: str, message: str, blocked: str, *, called: bool) -> Ending:
    """In Anthropic's words. Which of the caller's sequences ended an answer Gemini does not say."""
    if blocked:
        return Ending("refusal", messages_answer.refusal(gemini.told_blocked(blocked)))
    details = messages_answer.refusal(gemini.told(finish, message)) if gemini.failed(finish) else None
    return Ending(messages_answer.stop_reason(gemini.reason(finish, called=called)), details)


def _calls(candidate: gemini.Candidate) -> bool:
    return any(part.call is not None for part in candidate.parts)


def _content(candidate: gemini.Candidate, caller: Caller) -> list[Json]:
    blocks: list[Json] = []
    for step in said(candidate.parts, thinks=caller.thinks):
        if step.call is not None:
            call_id = caller.of_call(step.call)
            blocks.append({"type": "tool_use", "id": call_id, "name": step.call.name, "input": step.call.args})
        elif step.text:
            _block(blocks, "text", {"text": ""})["text"] += step.text
        else:
            block = _block(blocks, "thinking", {"thinking": "", "signature": ""})
            block["thinking"] += step.thoughts
            block["signature"] = step.signature or UNSIGNED
    return blocks


def _block(blocks: list[Json], kind: str, empty: Json) -> Json:
    """The last block, if it is of this type and goes on; else a new one."""
    if not blocks or blocks[-1]["type"] != kind or blocks[-1].get("signature", UNSIGNED) != UNSIGNED:
        blocks.append({"type": kind} | empty)
    return blocks[-1]
