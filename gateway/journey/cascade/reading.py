"""What an answer says, read from its bytes as the caller would get them: a whole one, or all of a stream.

A reader gets the JSON objects of an answer, one for a whole one and one for each event of a stream. Providers can send
anything: what has another shape than it should says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from gateway.core.reply import Choice, End, Reply, ToolCall
from gateway.dialects.framing import framing_of
from gateway.translate.chat_said import spoken, text_of

ENDS = {
    "openai-chat": {
        "stop": End.STOP,
        "tool_calls": End.TOOLS,
        "function_call": End.TOOLS,
        "length": End.LENGTH,
        "content_filter": End.REFUSED,
    },  # https://platform.openai.com/docs/api-reference/chat/object
    "openai-responses": {
        "completed": End.STOP,
        "max_output_tokens": End.LENGTH,
        "content_filter": End.REFUSED,
        "failed": End.REFUSED,
    },  # https://platform.openai.com/docs/api-reference/responses/object
    "anthropic-messages": {
        "end_turn": End.STOP,
        "stop_sequence": End.STOP,
        "tool_use": End.TOOLS,
        "max_tokens": End.LENGTH,
        "model_context_window_exceeded": End.LENGTH,
        "refusal": End.REFUSED,
    },  # https://docs.claude.com/en/api/handling-stop-reasons
    "gemini": {
        "STOP": End.STOP,
        "MAX_TOKENS": End.LENGTH,
        "SAFETY": End.REFUSED,
        "RECITATION": End.REFUSED,
        "LANGUAGE": End.REFUSED,
        "BLOCKLIST": End.REFUSED,
        "PROHIBITED_CONTENT": End.REFUSED,
        "SPII": End.REFUSED,
    },  # https://ai.google.dev/api/generate-content#FinishReason
    "bedrock-converse": {
        "end_turn": End.STOP,
        "stop_sequence": End.STOP,
        "tool_use": End.TOOLS,
        "max_tokens": End.LENGTH,
        "model_context_window_exceeded": End.LENGTH,
        "guardrail_intervened": End.REFUSED,
        "content_filtered": End.REFUSED,
    },  # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
}

Json = dict[str, Any]


class Growing:
    """One choice, as far as it has come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: dict[Any, tuple[list[str], list[str]]] = {}  # Names and arguments, in pieces.
        self.end = End.NONE

    def call(self, index: Any, name: Any, arguments: Any) -> None:
        """A tool call, or another piece of one."""
        names, pieces = self.calls.setdefault(_key(index, len(self.calls)), ([], []))
        names.append(text_of(name))
        pieces.append(arguments if isinstance(arguments, str) else _written(arguments))

    @property
    def choice(self) -> Choice:
        """All that came."""
        calls = tuple([ToolCall("".join(names), "".join(pieces)) for names, pieces in self.calls.values()])
        return Choice("".join(self.texts), self.end, calls)


class Growings(dict[Any, Growing]):
    """All choices, by their index."""

    def __missing__(self, index: Any) -> Growing:
        """One that begins."""
        made = self[index] = Growing()
        return made


def reply(name: str, dialect: str, content_type: str, body: bytes) -> Reply:
    """What this deployment has said. Of what cannot be read there are no choices."""
    found, ends = Growings(), ENDS[dialect]
    for said in _objects(content_type, body, arrays=dialect == "gemini"):
        _READERS[dialect](said, found, ends)
    return Reply(name, tuple([growing.choice for growing in found.values()]))


def _chat(said: Json, found: Growings, ends: dict[str, End]) -> None:
    for choice in _dicts(said.get("choices")):
        growing = found[_key(choice.get("index"), 0)]
        part = _dict(choice.get("delta")) or _dict(choice.get("message"))
        growing.texts.append(spoken(part)[1])
        for number, call in enumerate(_dicts(part.get("tool_calls"))):
            of_kind = _dict(call.get("function")) or _dict(call.get("custom"))
            named = call.get("index", number)
            growing.call(named, of_kind.get("name"), of_kind.get("arguments"))
        if part.get("refusal"):
            growing.end = End.REFUSED
        elif growing.end is not End.REFUSED:
            growing.end = _end(choice.get("finish_reason"), ends, growing.end)


def _messages(said: Json, found: Growings, ends: dict[str, End]) -> None:
    growing, kind = found[0], said.get("type")
    if kind == "message":
        for index, block in enumerate(_dicts(said.get("content"))):
            growing.texts.append(text_of(block.get("text")))
            if block.get("type") == "tool_use":
                growing.call(index, block.get("name"), block.get("input"))
        growing.end = _end(said.get("stop_reason"), ends, growing.end)
    elif kind == "content_block_start":
        block = _dict(said.get("content_block"))
        growing.texts.append(text_of(block.get("text")))
        if block.get("type") == "tool_use":
            growing.call(said.get("index"), block.get("name"), "")
    elif kind in ("content_block_delta", "message_delta"):
        delta = _dict(said.get("delta"))
        growing.texts.append(text_of(delta.get("text")))
        if delta.get("type") == "input_json_delta":
            growing.call(said.get("index"), "", text_of(delta.get("partial_json")))
        growing.end = _end(delta.get("stop_reason"), ends, growing.end)


def _gemini(said: Json, found: Growings, ends: dict[str, End]) -> None:
    if _dict(said.get("promptFeedback")).get("blockReason"):
        found[0].end = End.REFUSED
    for candidate in _dicts(said.get("candidates")):
        growing = found[_key(candidate.get("index"), 0)]
        for part in _dicts(_dict(candidate.get("content")).get("parts")):
            if not part.get("thought"):
                growing.texts.append(text_of(part.get("text")))
            if call := _dict(part.get("functionCall")):
                growing.call(len(growing.calls), call.get("name"), call.get("args"))
        growing.end = _end(candidate.get("finishReason"), ends, growing.end)


def _responses(said: Json, found: Growings, ends: dict[str, End]) -> None:
    """The last event of a stream repeats all of it."""
    said = _dict(said.get("response")) or said
    if said.get("object") != "response" or said.get("status") in (None, "in_progress", "queued"):
        return
    found.clear()
    growing = found[0]
    reason = _dict(said.get("incomplete_details")).get("reason")
    growing.end = _end(reason or said.get("status"), ends, growing.end)
    for item in _dicts(said.get("output")):
        for part in _dicts(item.get("content")):
            if part.get("type") == "refusal":
                growing.end = End.REFUSED
            if part.get("type") == "output_text":
                growing.texts.append(text_of(part.get("text")))
        if item.get("type") == "function_call":
            growing.call(len(growing.calls), item.get("name"), text_of(item.get("arguments")))


def _converse(said: Json, found: Growings, ends: dict[str, End]) -> None:
    growing, message = found[0], _dict(_dict(said.get("output")).get("message"))
    for index, block in enumerate(_dicts(message.get("content"))):
        growing.texts.append(text_of(block.get("text")))
        if used := _dict(block.get("toolUse")):
            growing.call(index, used.get("name"), used.get("input"))
    part = _dict(said.get("start")) or _dict(said.get("delta"))
    growing.texts.append(text_of(part.get("text")))
    if used := _dict(part.get("toolUse")):
        growing.call(said.get("contentBlockIndex"), used.get("name"), text_of(used.get("input")))
    growing.end = _end(said.get("stopReason"), ends, growing.end)


_READERS: dict[str, Callable[[Json, Growings, dict[str, End]], None]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic-messages": _messages,
    "gemini": _gemini,
    "bedrock-converse": _converse,
}

READABLE = frozenset(_READERS)
"""The dialects whose answers can be read, and so checked."""


def _objects(content_type: str, body: bytes, *, arrays: bool) -> Iterable[Json]:
    framing = framing_of(content_type, arrays=arrays and body.lstrip()[:1] == b"[")
    if framing is None:
        return _dicts([_decoded(body)])
    return _dicts([_decoded(framing.payload(event)) for event in framing.events(body)])


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _written(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def _end(reason: Any, ends: dict[str, End], before: End) -> End:
    return ends.get(reason, End.OTHER) if isinstance(reason, str) else before


def _key(index: Any, otherwise: int) -> int | str:
    return index if isinstance(index, int | str) else otherwise


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(values: Any) -> Sequence[Json]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
