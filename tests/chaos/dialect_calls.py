"""One call in each dialect that streams: where it goes and what it says, for rows that try all of them."""

from __future__ import annotations

import json
from typing import NamedTuple


class Spoken(NamedTuple):
    """A dialect's call."""

    path: str  # Of a stream.
    whole_path: str  # Of an answer in one piece.
    fields: dict  # Of the body, without what was said.
    said: str  # The body's field for that.
    streams_by: dict  # What the body says where a stream is wanted.

    def body(self, text: str, *, stream: bool) -> bytes:
        """The body for a conversation of one message."""
        message: object = text
        if self.said == "messages":
            content = [{"text": text}] if "converse" in self.path else text
            message = [{"role": "user", "content": content}]
        elif self.said == "contents":
            message = [{"role": "user", "parts": [{"text": text}]}]
        return json.dumps(self.fields | {self.said: message} | (self.streams_by if stream else {})).encode()


MODEL = {"model": "sim-small"}
STREAM = {"stream": True}
GEMINI = "/v1beta/models/sim-small"
BEDROCK = "/bedrock/model/sim-small"
DIALECTS = {
    "openai-chat": Spoken("/v1/chat/completions", "/v1/chat/completions", MODEL, "messages", STREAM),
    "openai-responses": Spoken("/v1/responses", "/v1/responses", MODEL | {"store": False}, "input", STREAM),
    "anthropic-messages": Spoken("/v1/messages", "/v1/messages", MODEL | {"max_tokens": 4096}, "messages", STREAM),
    "gemini": Spoken(
        f"{GEMINI}:streamGenerateContent?alt=sse", f"{GEMINI}:generateContent", {}, "contents", {}
    ),
    "bedrock-converse": Spoken(f"{BEDROCK}/converse-stream", f"{BEDROCK}/converse", {}, "messages", {}),
}  # fmt: skip
