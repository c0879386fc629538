"""What a provider's refusal is to the caller: its own words, unless they are about our key or account there."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, isfinite

from gateway.core.errors import UpstreamError
from gateway.translate.refused import message_of
from gateway.upstream.answer import Answer
from gateway.upstream.errors import Lost


class ProviderRefused(UpstreamError):
    """The provider's own error: to be passed on as it is, unless it must be `reworded`: it is in a dialect that the
    caller does not speak, or broke off. `wait_s`: how long the provider asks to wait, in seconds."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        reworded: bool = False,
        wait_s: float | None = None,
    ) -> None:
        said = message_of(body) if reworded else ""
        super().__init__(said or f"The provider answered with status {status}.")
        self.reworded = reworded
        self.retry_after_s = ceil(wait_s) if reworded and wait_s is not None and isfinite(wait_s) else None
        self.status = status
        self.headers = headers
        self.body = body


class WeAreRefused(UpstreamError):
    """Our own key or account was: nothing that the caller can mend, nor needs to see. See `retry.REFUSED_US`."""

    def __init__(self) -> None:
        super().__init__("The provider refused the gateway's own credentials or account.")


async def refusal(answer: Answer, wait_s: float | None = None, *, carried: bool = False) -> ProviderRefused:
    """The error that this answer is, read as far as it comes. `carried`: it is in a dialect that the caller does not
    speak."""
    try:
        body, whole = await answer.read(), True
    except Lost:
        body, whole = b"", False
    return ProviderRefused(answer.status, answer.headers, body, reworded=carried or not whole, wait_s=wait_s)
