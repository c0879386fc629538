"""OpenAI's Responses API for providers that speak chat completions.

* Every tool is a function: custom tools take one string, and a grammar is told to the model in words. Tools in a
  namespace get its name in front. Calls come back as the caller knows the tool.
* Reasoning that a provider shows comes back as the summary of a reasoning item, and is kept in its
  `encrypted_content`, so that the provider gets it back while its tools are running.
* Pictures and files that a tool returns follow its result in a message of the user's: results can only be text.
* Nothing is stored: `store` is noted as left out, and what lies at a provider is refused.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.openai_responses_to_openai_chat import answer, request, stream

EDGE = Edge("openai-responses", "openai-chat", request.translated, answer.translated, stream.Translation)
