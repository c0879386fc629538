"""OpenAI's `POST /v1/embeddings`."""

from __future__ import annotations

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, with_query
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_report import read_report
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name


class _Body(msgspec.Struct):
    model: str
    input: str | list[str | int | list[int]]
    user: str | None = None


_READ = SETTINGS | {"input": ALL}
_requests = msgspec.json.Decoder(_Body)


class OpenAIEmbeddings:
    """The lens for embeddings: text or token ids in, no output tokens, never a stream."""

    name = "openai-embeddings"
    signs = OpenAIChat.signs
    shows_cost = False

    def read(self, request: Asked) -> Facts:
        """See `Dialect.read`."""
        asked = decode(_requests, request.body)
        splice.refuse_twins(request.body, ("model",))
        if not asked.input:
            raise BadRequest("input must not be empty", "input")
        return Facts(
            model=model_name(asked.model), output_tokens_max=0, needs=frozenset({"embeddings"}), session=asked.user
        )

    def aim(self, request: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed(with_query("/embeddings", request), splice.with_model(request.body, model, facts))

    def countable(self, request: Asked) -> Countable:
        """See `Dialect.countable`. A token id counts as the text of its digits, which is never too little."""
        asked = decode(_requests, request.body)
        given = [asked.input] if isinstance(asked.input, str) else asked.input
        texts = tuple(item if isinstance(item, str) else str(item) for item in given)
        return Countable(texts=texts, unread=unread(request.body, _READ))

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks, before)

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)
