"""Google's `models/{model}:embedContent` and `:batchEmbedContents`.

The bodies name the model once more, as `models/{model}`: it must be the one of the path, and is aimed with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Report
from gateway.dialects import gemini_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk
from gateway.dialects.gemini import SAID, SIGNS, aimed_path, lies_elsewhere, travelling
from gateway.dialects.gemini_report import read_report
from gateway.dialects.gemini_request import Content, camel, parts, refuse_media_twins
from gateway.dialects.unread import ALL, Known, unread
from gateway.dialects.validate import decode, model_name

REQUESTS_MAX = 1000
"""Of a batch. Ten times what Google takes, and each one is read by itself."""

_BATCH = "batchEmbedContents"
_PREFIX = "models/"


class _One(msgspec.Struct, rename="camel"):
    content: Content
    model: str | None = None


class _Batch(msgspec.Struct):
    requests: list[msgspec.Raw]


_READ: Known = {**dict.fromkeys(("model", "taskType"), ALL), "content": SAID}
_ones = msgspec.json.Decoder(_One)
_batches = msgspec.json.Decoder(_Batch)


class GeminiEmbeddings:
    """The lens for embeddings: content in, no output tokens, never a stream."""

    name = "gemini-embeddings"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        model, given = model_name(asked.model), list(_each(asked))
        travelling(asked.query)
        for one in given:
            if one.model is not None and one.model.removeprefix(_PREFIX) != model:
                raise BadRequest("model must be the one that the path names", "model")
        if not given:
            raise BadRequest("requests must not be empty", "requests")
        mimes = [mime for one in given for mime in _mimes(one)]
        return Facts(
            model=model,
            output_tokens_max=0,
            needs=frozenset({"embeddings"}),
            images=sum(mime.startswith("image/") for mime in mimes),
            files=sum(not mime.startswith(("image/", "text/")) for mime in mimes),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        body = asked.body
        if model != facts.model:
            body = _batch_with(body, model) if asked.verb == _BATCH else _one_with(body, model)
        return Aimed(aimed_path(asked, model), body)

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        given = list(_each(asked))
        texts = [part.text for one in given for part in parts((one.content,)) if part.text]
        mimes = [mime for one in given for mime in _mimes(one)]
        return Countable(
            texts=tuple(texts),
            images=sum(mime.startswith("image/") for mime in mimes),
            files=sum(not mime.startswith(("image/", "text/")) for mime in mimes),
            unread=unread(camel(asked.body), {"requests": _READ} if asked.verb == _BATCH else _READ),
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. The Gemini API's older models report no usage: then the input is counted."""
        del quirks
        return replace(read_report(message, before), last=False)

    error = staticmethod(gemini_errors.error_body)
    stream_error = staticmethod(gemini_errors.stream_error)


def _each(asked: Asked) -> Iterator[_One]:
    """Everything to embed. Raises BadRequest, also where a model or content is given twice."""
    plain = camel(asked.body)
    batch = [msgspec.Raw(plain)]
    if asked.verb == _BATCH:
        batch = decode(_batches, plain).requests
        if len(batch) > REQUESTS_MAX:
            raise BadRequest(f"requests must not be more than {REQUESTS_MAX:,}", "requests")
        splice.refuse_twins(plain, ("requests",))
    for raw in batch:
        body = bytes(raw)
        one = decode(_ones, body)
        splice.refuse_twins(body, ("model", "content"))
        refuse_media_twins(body, (one.content,))
        yield one


def _mimes(one: _One) -> Iterator[str]:
    """Of media, "" for what need not be what it says."""
    for part in parts((one.content,)):
        if part.inline_data is not None:
            yield part.inline_data.kind
        if part.file_data is not None:
            yield "" if lies_elsewhere((part.file_data,)) else part.file_data.kind


def _one_with(body: bytes, model: str) -> bytes:
    span = splice.find(body, "model")
    return body if span is None else splice.replace(body, span, msgspec.json.encode(_PREFIX + model))


def _batch_with(body: bytes, model: str) -> bytes:
    span = splice.find(body, "requests")
    assert span is not None, "the caller has read it"
    each = [_one_with(bytes(raw), model) for raw in decode(_batches, body).requests]
    return splice.replace(body, span, b"[%b]" % b",".join(each))
