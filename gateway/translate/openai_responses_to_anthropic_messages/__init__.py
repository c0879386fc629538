"""OpenAI's Responses API for providers that speak Anthropic's messages.

* Instructions and what developers say at the beginning are the system prompt. What they say later is told to the model
  in the user's turn, marked as the system's.
* Thinking comes back as a reasoning item: what is shown of it as the summary, the block with its signature in
  `encrypted_content`, which makes it a thinking block again in the next turn.
* Efforts become what the generation of the model understands; `prompt_cache_key` marks the prompt for the cache.
* Every tool is a function: custom tools take one string, and a grammar is told to the model in words.
* Nothing is stored: `store` is noted as left out, and what lies at a provider is refused.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.openai_responses_to_anthropic_messages import answer, request, stream

EDGE = Edge("openai-responses", "anthropic-messages", request.translated, answer.translated, stream.Translation)
