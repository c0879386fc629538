"""Calls that need more than a key to show whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.core.errors import Unavailable


class NoSigner(Unavailable):
    """The package that signs for a provider is not installed. Says what to install."""


class Signer(Protocol):
    """Shows one provider that a call is ours."""

    async def signed(self, url: str, headers: Mapping[str, str], body: bytes, method: str = "POST") -> dict[str, str]:
        """The headers with what shows it. Raises Unreached if there are no credentials, or they cannot be had."""
        ...
