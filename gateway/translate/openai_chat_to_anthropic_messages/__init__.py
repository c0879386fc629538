"""From OpenAI's chat completions to Anthropic's messages: for providers of Claude that speak nothing else.

What has no counterpart there, such as several choices, a seed or log probabilities, is refused by name. Thoughts come
back as `reasoning_content`, and with their signatures as `reasoning_details`, which go back in an assistant's message.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.openai_chat_to_anthropic_messages import answer, request, stream

EDGE = Edge("openai-chat", "anthropic-messages", request.translated, answer.translated, stream.Translation)
