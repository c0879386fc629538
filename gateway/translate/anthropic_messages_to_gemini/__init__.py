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

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.anthropic_messages_to_gemini import answer, request
from gateway.translate.anthropic_messages_to_gemini.stream import Translation
from gateway.translate.edge import Losses, Target, Told
from gateway.translate.gemini import models


class AnthropicMessagesToGemini:
    """See `Edge`."""

    inbound = "anthropic-messages"
    outbound = "gemini"

    def serves(self, model: str) -> bool:
        """See `Edge.serves`. An answer in this dialect has no place for pictures."""
        return models.generates(model) and not models.draws(model)

    def request(self, asked: Asked, target: Target, losses: Losses) -> Asked:
        """See `Edge.request`."""
        try:
            return request.translated(asked, target, losses)
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None

    def answer(self, body: bytes, told: Told) -> bytes:
        """See `Edge.answer`."""
        return answer.translated(body, told)

    def stream(self, told: Told) -> Translation:
        """See `Edge.stream`."""
        return Translation(told)
