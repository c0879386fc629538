"""From Anthropic's messages to Gemini's generateContent.

* Thought signatures travel as those of thinking blocks, each directly before the call that it belongs to
  (`signatures.py`). Where a client loses them, newer models are told so by Google's own word for that.
* Thoughts are shown where `thinking` was asked for. On the way back they are a summary, and only what signs them is
  sent. Thoughts of other models are left out.
* What ends an answer beside its end and its cap (filters, calls that could not be read) becomes `refusal` with a
  sentence in `stop_details`, and so does a prompt that is blocked. Which stop sequence ended it Gemini does not say.
* `context_management` is a hint: it makes prompts shorter, and here they stay as they are.
"""

from __future__ import annotations

from gateway.translate.anthropic_messages_to_gemini import answer, request, stream
from gateway.translate.edge import Edge
from gateway.translate.gemini import models


def _answers_in_text(model: str) -> bool:
    """An answer in this dialect has no place for pictures."""
    return models.generates(model) and not models.draws(model)


EDGE = Edge(
    "anthropic-messages", "gemini", request.translated, answer.translated, stream.Translation, serves=_answers_in_text
)
