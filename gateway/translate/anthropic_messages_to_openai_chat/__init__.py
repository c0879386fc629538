"""From Anthropic's messages to OpenAI's chat completions: what lets Claude Code and other clients of Anthropic's API
talk to whoever speaks chat.

What is only a hint there is left out and named: marks for the prompt cache, labels, diagnostics, thoughts of earlier
turns where the model takes none, and how much to think where it cannot be told. So are edits of the context that only
clear: the model then sees all that was sent, never less. What changes the answer is refused by name: tools that run
at the provider, compaction, a turn that the model should go on with.
"""

from __future__ import annotations

from gateway.core.request import Asked
from gateway.translate.anthropic_messages_to_openai_chat.answer import message_of_completion
from gateway.translate.anthropic_messages_to_openai_chat.request import translated
from gateway.translate.anthropic_messages_to_openai_chat.stream import Events
from gateway.translate.edge import Losses, StreamTranslation, Target, Told


class AnthropicMessagesToOpenAIChat:
    """See `Edge`."""

    inbound = "anthropic-messages"
    outbound = "openai-chat"

    def serves(self, model: str) -> bool:
        """See `Edge.serves`."""
        del model
        return True

    def request(self, asked: Asked, target: Target, losses: Losses) -> Asked:
        """See `Edge.request`."""
        return translated(asked, target, losses)

    def answer(self, body: bytes, told: Told) -> bytes:
        """See `Edge.answer`."""
        return message_of_completion(body, told)

    def stream(self, told: Told) -> StreamTranslation:
        """See `Edge.stream`."""
        return Events(told)
