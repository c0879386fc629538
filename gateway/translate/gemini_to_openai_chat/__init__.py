"""From Gemini's generateContent to OpenAI's chat completions: lets Google's own client talk to whoever speaks chat.

* Names are read in both spellings, `systemInstruction` and `system_instruction`. Errors say the first.
* Calls of functions get ids where they have none; what functions gave back is matched by its id, else by its name, in
  the order of the calls.
* Thoughts come back as thought parts if `includeThoughts` asks for them. Those of earlier turns go to models that want
  them back. Signatures are kept for Gemini's models alone, behind Google's compatible endpoint.
* Streams are events for `alt=sse`, and else a JSON array, as at Google.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.gemini_to_openai_chat import answer, request, stream

EDGE = Edge("gemini", "openai-chat", request.translated, answer.translated, stream.Translation)
