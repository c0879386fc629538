"""A whole chat completion as a response."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.translate.edge import Told
from gateway.translate.openai_responses_to_openai_chat import said
from gateway.translate.responses_answer import Envelope, Output, refusal_part, text_part
from gateway.translate.responses_settings import toolbox_of


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    found = msgspec.json.decode(body)
    choice = said.first_choice(found)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("a chat completion without a message")  # noqa: TRY004
    envelope = Envelope(told)
    output = Output(envelope, toolbox_of(told.asked))
    incomplete = said.INCOMPLETE.get(str(choice.get("finish_reason")))
    status = "completed" if incomplete is None else "incomplete"
    _write(output, message, said.logprobs(choice), status, told)
    report = said.report(body, told.quirks)
    tier = said.tier(found.get("service_tier"))
    return msgspec.json.encode(envelope.ended(report.model or "", output.items, report.usage, incomplete, tier))


def _write(output: Output, message: dict[str, Any], logprobs: list[Any], status: str, told: Told) -> None:
    found = list(said.pieces(message))
    calls = [said.named(call, place, told) for place, call in enumerate(said.calls(message))]
    thoughts = [piece for piece in found if piece.kind == "thought"]
    text = "".join(piece.text for piece in thoughts)
    extra = {call.call_id: call.extra for call in calls if call.extra is not None}
    sealed = said.sealed({thoughts[0].field: text} if thoughts else {}, extra)
    if sealed is not None:
        output.thought(text, sealed)
    answer = "".join(piece.text for piece in found if piece.kind == "text")
    refusal = "".join(piece.text for piece in found if piece.kind == "refusal")
    parts = [text_part(answer, logprobs)] if answer else []
    output.said([*parts, refusal_part(refusal)] if refusal else parts, status)
    for call in calls:
        output.called(call.call_id, call.name, call.arguments, status)
