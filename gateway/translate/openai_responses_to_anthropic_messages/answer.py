"""A whole message of Anthropic's as a response."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Told
from gateway.translate.openai_responses_to_anthropic_messages.conversation import DIALECT
from gateway.translate.responses_answer import Envelope, Output, refusal_part, text_part
from gateway.translate.responses_settings import toolbox_of
from gateway.translate.sealed import seal

INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}
"""Why a response is incomplete, by stop reasons:
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"""

THOUGHTS = ("thinking", "redacted_thinking")

_TIERS = {"standard": "default", "priority": "priority"}
_lens = DIALECTS[DIALECT]


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    found = msgspec.json.decode(body)
    content = found.get("content") if isinstance(found, dict) else None
    if not isinstance(content, list):
        raise ValueError("a message without content")  # noqa: TRY004
    envelope = Envelope(told)
    output = Output(envelope, toolbox_of(told.asked))
    incomplete = INCOMPLETE.get(str(found.get("stop_reason")))
    status = "completed" if incomplete is None else "incomplete"
    for block in content:
        if isinstance(block, dict):
            _write(output, block, status)
    if explained := explanation(found):
        output.said([refusal_part(explained)], status)
    report = _lens.report(body, told.quirks)
    return msgspec.json.encode(
        envelope.ended(report.model or "", output.items, report.usage, incomplete, tier(found.get("usage")))
    )


def tier(usage: Any) -> str | None:
    """The tier that served, as OpenAI names it."""
    return _TIERS.get(str(usage.get("service_tier"))) if isinstance(usage, dict) else None


def explanation(said: dict[str, Any]) -> str:
    """Why an answer was refused, of a message or of the delta that ends one; empty where that is not told."""
    found = said.get("stop_details")
    return string(found, "explanation") if isinstance(found, dict) else ""


def string(block: dict[str, Any], name: str) -> str:
    """A text in it; empty if there is none."""
    found = block.get(name)
    return found if isinstance(found, str) else ""


def _write(output: Output, block: dict[str, Any], status: str) -> None:
    """One block is one item. Those of tools that nobody offered do not come."""
    kind = block.get("type")
    if kind == "text" and string(block, "text"):
        output.said([text_part(string(block, "text"))], status)
    elif kind in THOUGHTS:
        output.thought(string(block, "thinking"), seal(DIALECT, block))
    elif kind == "tool_use":
        arguments = msgspec.json.encode(block.get("input") or {}).decode()
        output.called(string(block, "id"), string(block, "name"), arguments, status)
