"""From OpenAI's chat completions to Anthropic's messages: for providers of Claude that speak nothing else.

What has no counterpart there, such as several choices, a seed or log probabilities, is refused by name. Thoughts come
back as `reasoning_content`, and with their signatures as `reasoning_details`, which go back in an assistant's message.
"""

from __future__ import annotations

from gateway.core.request import Asked
from gateway.translate.edge import Losses, StreamTranslation, Target, Told
from gateway.translate.openai_chat_to_anthropic_messages.answer import completed
from gateway.translate.openai_chat_to_anthropic_messages.request import translated
from gateway.translate.openai_chat_to_anthropic_messages.stream import Chunks


class OpenAIChatToAnthropicMessages:
    """See `Edge`."""

    inbound = "openai-chat"
    outbound = "anthropic-messages"

    def serves(self, model: str) -> bool:
        """See `Edge.serves`."""
        del model
        return True

    def request(self, asked: Asked, target: Target, losses: Losses) -> Asked:
        """See `Edge.request`."""
        return translated(asked, target, losses)

    def answer(self, body: bytes, told: Told) -> bytes:
        """See `Edge.answer`."""
        return completed(body, told)

    def stream(self, told: Told) -> StreamTranslation:
        """See `Edge.stream`."""
        return Chunks(told)
