"""From Anthropic's messages to OpenAI's chat completions: what lets Claude Code and other clients of Anthropic's API
talk to whoever speaks chat.

What is only a hint there is left out and named: marks for the prompt cache, labels, diagnostics, thoughts of earlier
turns where the model takes none, and how much to think where it cannot be told. So are edits of the context that only
clear: the model then sees all that was sent, never less. What changes the answer is refused by name: tools that run
at the provider, compaction, a turn that the model should go on with.
"""

from __future__ import annotations

from gateway.translate.anthropic_messages_to_openai_chat import answer, request, stream
from gateway.translate.edge import Edge

EDGE = Edge("anthropic-messages", "openai-chat", request.translated, answer.translated, stream.Translation)
