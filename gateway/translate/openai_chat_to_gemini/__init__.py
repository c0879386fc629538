"""From OpenAI's chat completions to Gemini's generateContent.

* Thought signatures travel in `extra_content.google.thought_signature`, of a tool call or of a message, as at Google's
  own compatible endpoint. Where a client loses them, newer models are told so by Google's own word for that.
* Thoughts come back as `reasoning_content`, where `reasoning_effort` was given.
* What ends an answer beside its end and its cap (filters, calls that could not be read) becomes `content_filter` with
  a sentence in `refusal`; a prompt that is blocked becomes an answer that says so.
* Sources that Gemini cites are left out: no call that is carried here asks it to search.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.gemini import models
from gateway.translate.openai_chat_to_gemini import answer, request, stream

EDGE = Edge("openai-chat", "gemini", request.translated, answer.translated, stream.Translation, serves=models.generates)
