"""OpenAI's `POST /v1/embeddings`."""

from __future__ import annotations

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Countable, Facts
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import Quirk
from gateway.dialects.openai_chat import read_report
from gateway.dialects.validate import decode, model_name


class _Body(msgspec.Struct):
    model: str
    input: str | list[str | int | list[int]]
    user: str | None = None


_requests = msgspec.json.Decoder(_Body)


class OpenAIEmbeddings:
    """The lens for embeddings: text or token ids in, no output tokens, never a stream."""

    name = "openai-embeddings"
    path = "/embeddings"

    def read(self, body: bytes) -> Facts:
        """See `Dialect.read`."""
        asked = decode(_requests, body)
        splice.refuse_twins(body, ("model",))
        if not asked.input:
            raise BadRequest("input must not be empty", "input")
        return Facts(
            model=model_name(asked.model), output_tokens_max=0, needs=frozenset({"embeddings"}), session=asked.user
        )

    def aim(self, body: bytes, model: str, facts: Facts) -> bytes:
        """See `Dialect.aim`."""
        if model == facts.model:
            return body
        return splice.replace(body, splice.find_string(body, "model"), msgspec.json.encode(model))

    def countable(self, body: bytes) -> Countable:
        """See `Dialect.countable`. A token id counts as the text of its digits, which is never too little."""
        asked = decode(_requests, body)
        if isinstance(asked.input, str):
            return Countable(texts=(asked.input,))
        return Countable(texts=tuple(item if isinstance(item, str) else str(item) for item in asked.input))

    def report(self, message: bytes, quirks: frozenset[Quirk]) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks)

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)
