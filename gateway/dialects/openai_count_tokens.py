"""OpenAI's `POST /v1/responses/input_tokens`: the tokens of a request, counted and not answered.

No price is listed for it, and it is there to tell a cost before a call: https://developers.openai.com/api/docs/guides/token-counting.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.request import Asked, Facts
from gateway.core.usage import Report, Usage
from gateway.dialects import splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.openai_responses_report import read_report


class OpenAICountTokens(OpenAIResponses):
    """The lens for counts: the body of a response without its options, answered with a number."""

    name = "openai-count-tokens"

    def read(self, request: Asked) -> Facts:
        """See `Dialect.read`. OpenAI needs no model; here it says who is asked."""
        return replace(super().read(request), stream=False, output_tokens_max=0, free=True)

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed("/responses/input_tokens", splice.with_model(asked.body, model, facts))

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """Nothing was used, whatever was counted."""
        return Report(usage=Usage(), failed=read_report(message, quirks, before).failed)
