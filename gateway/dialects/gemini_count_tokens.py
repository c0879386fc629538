"""Google's `models/{model}:countTokens`, which is free."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Report, Usage
from gateway.dialects import gemini_errors
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk
from gateway.dialects.gemini import SIGNS, Gemini, aimed_path, travelling
from gateway.dialects.validate import decode, model_name

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_answers = msgspec.json.Decoder(dict[str, object])

_WHOLE = ("generateContentRequest", "generate_content_request")
_NOTHING_USED = Usage(requests=0)


class GeminiCountTokens:
    """The lens for counts: nothing is generated, nothing is charged, and the ledger still says who asked."""

    name = "gemini-count-tokens"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        if not decode(_objects, asked.body):
            raise BadRequest("contents must not be empty", "contents")
        travelling(asked.query)
        return Facts(model=model_name(asked.model), output_tokens_max=0, free=True)

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        del facts
        return Aimed(aimed_path(asked, model), asked.body)

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`. What is asked about may be a whole request for an answer."""
        members = decode(_objects, asked.body)
        whole = next((bytes(members[name]) for name in _WHOLE if name in members), asked.body)
        return Gemini().countable(replace(asked, body=whole))

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. Any answer costs nothing."""
        del quirks
        try:
            failed = bool(_answers.decode(message).get("error"))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return before
        return Report(usage=_NOTHING_USED, failed=failed)

    error = staticmethod(gemini_errors.error_body)
    stream_error = staticmethod(gemini_errors.stream_error)
