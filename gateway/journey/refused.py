"""What a provider's refusal is to the caller: its own words, unless they are about our key or account there."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.errors import UpstreamError
from gateway.translate.refused import message_of
from gateway.upstream.answer import Answer
from gateway.upstream.errors import Lost


class ProviderRefused(UpstreamError):
    """The provider's own error: to be passed on as it is, unless it is `carried`, that is, in a dialect that the
    caller does not speak."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, *, carried: bool = False) -> None:
        said = message_of(body) if carried else ""
        super().__init__(said or f"The provider answered with status {status}.")
        self.carried = carried
        wait = headers.get("retry-after", "")
        self.retry_after_s = int(wait) if carried and wait.isdecimal() else None
        self.status = status
        self.headers = headers
        self.body = body


class WeAreRefused(UpstreamError):
    """Our own key or account was: nothing that the caller can mend, nor needs to see. See `retry.REFUSED_US`."""

    def __init__(self) -> None:
        super().__init__("The provider refused the gateway's own credentials or account.")


async def refusal(answer: Answer, *, carried: bool = False) -> ProviderRefused:
    """The error that this answer is, read as far as it comes."""
    try:
        body = await answer.read()
    except Lost:
        body = b""
    return ProviderRefused(answer.status, answer.headers, body, carried=carried)
