"""What can go wrong on the wire, told apart by what it may have cost.

* UpstreamError
  - Unreached       no byte of the call can have been taken
  - Lost            the call was sent; the provider may have charged
    · LostWaiting   the same, because we stopped waiting
"""

from __future__ import annotations

from gateway.core.errors import UpstreamError, UpstreamTimeout


class Unreached(UpstreamError):
    """No byte of the call can have been taken: there was no connection."""


class Lost(UpstreamError):
    """The call was sent, and the answer did not come or broke off. The provider may have charged."""


class LostWaiting(Lost, UpstreamTimeout):
    """The same, because we stopped waiting."""

    status = 504
    code = "upstream_timeout"
