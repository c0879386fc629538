"""Everything that can go wrong that is not our bug.

* GatewayError
  - BadRequest              400  the body or a header is wrong
    · BodyTooLarge          413
    · UnsupportedEncoding   415
    · IdempotencyKeyReused  422  the key of another call
  - Unauthorized            401  no key, or none that we know
  - Forbidden               403  this key may not do that
  - NotFound                404  no such path or thing
    · UnknownModel          404
  - MethodNotAllowed        405  the path is right, the method is not
  - Conflict                409  what is there already, or depends on it, does not allow that
  - AskedBefore             409  a call with this Idempotency-Key runs elsewhere
    · AlreadyAnswered       409  or has ended, and its answer is not here
    · Unresolved            409  or nobody knows what became of it
  - LimitReached            429  a budget or rate limit refused; says which, and when it resets
  - PolicyFailed            500  a routing policy raised, or gave no decision: whose it is must mend it
  - Unavailable             503  we cannot do our part now: store, journal, no working deployment
    · NoPrice               503  a hard budget needs a price and there is none
    · Overloaded            503  more calls came than we can carry
  - UpstreamError           502  the provider failed us
    · UpstreamTimeout       504

Every text of these is safe to show to the caller. Anything else ends in a plain 500 that shows nothing.
A broken invariant is an `assert`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GatewayError(Exception):
    """Something went wrong that the caller may know about."""

    status = 500
    code = "internal_error"
    retry_after_s: int | None = None
    retryable: bool | None = None  # What we tell client libraries; None leaves it to them.


class BadRequest(GatewayError):
    """The caller must change the request. `param` names the field at fault, where there is one."""

    status = 400
    code = "invalid_request_error"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BodyTooLarge(BadRequest):
    """The body is over the limit."""

    status = 413
    code = "request_too_large"


class UnsupportedEncoding(BadRequest):
    """The body is compressed, which a gateway that counts bytes does not take."""

    status = 415
    code = "unsupported_content_encoding"


class IdempotencyKeyReused(BadRequest):
    """The key of an earlier call, which asked something else."""

    status = 422
    code = "idempotency_key_reused"


class Unauthorized(GatewayError):
    """No key, or none that we know."""

    status = 401
    code = "invalid_api_key"
    retryable = False  # Claude Code repeats a 401 ten times unless it is told.


class Forbidden(GatewayError):
    """The key is good, and may not do that."""

    status = 403
    code = "permission_denied"


class NotFound(GatewayError):
    """No such path, or no such thing."""

    status = 404
    code = "not_found"


class UnknownModel(NotFound):
    """No deployment serves this name."""

    code = "model_not_found"


class MethodNotAllowed(GatewayError):
    """The path is right, the method is not. `allowed` are those that are."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"This path takes {' or '.join(allowed)}.")
        self.allowed = allowed


class Conflict(GatewayError):
    """What is there already, or depends on it, does not allow that."""

    status = 409
    code = "conflict"


class AskedBefore(GatewayError):
    """A call with this Idempotency-Key is under way in another process, or its answer is too long to be joined.
    `first` is its request id."""

    status = 409
    code = "idempotency_in_progress"
    retry_after_s: int | None = 1
    told = "A call with this Idempotency-Key, {}, is still under way. Try again in a moment."

    def __init__(self, first: str) -> None:
        super().__init__(self.told.format(first))
        self.first = first


class AlreadyAnswered(AskedBefore):
    """It has ended and was booked, and its answer was not whole, or is not kept here."""

    code = "idempotency_already_answered"
    retry_after_s = None
    retryable = False
    told = (
        "A call with this Idempotency-Key was booked as {}, and its answer is not here. To ask anew, use another key."
    )


class Unresolved(AskedBefore):
    """The gateway died during it."""

    code = "idempotency_unresolved"
    retry_after_s = None
    retryable = False
    told = "The gateway broke down during {}, the call with this Idempotency-Key. It may have been charged."


class Reason(StrEnum):
    """Why a limit refused. Three answers that a caller must be able to tell apart."""

    EXHAUSTED = "exhausted"  # The window is spent: wait for the reset.
    HELD = "held"  # The rest is set aside by calls in flight: try again soon.
    TOO_BIG = "too_big"  # This one call cannot fit, even alone.


@dataclass(frozen=True, slots=True)
class Refusal:
    """The one limit that refused, with the figures a person needs to act on it."""

    node: str
    unit: str
    window: str
    limit: str  # Amounts as text with their unit: "$10.00", "60000 tokens".
    spent: str
    held: str
    needed: str
    resets_at: str | None  # RFC 3339; None for a limit without a window.
    reason: Reason
    resets_in_s: float | None = None
    elsewhere: bool = False  # It is about where the call would go: another place may take it.
    ceiling: bool = False  # The caller's own, for this call alone.


class LimitReached(GatewayError):
    """A budget or rate limit refused the call."""

    status = 429
    code = "limit_reached"

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(_sentence(refusal))
        short_wait = refusal.resets_in_s is not None and refusal.resets_in_s <= RETRY_WORTH_WAITING_S
        if refusal.reason is Reason.HELD:
            self.retry_after_s = 1
        elif refusal.reason is Reason.EXHAUSTED and short_wait:
            assert refusal.resets_in_s is not None
            self.retry_after_s = max(1, int(refusal.resets_in_s) + 1)
        else:
            self.retryable = False


RETRY_WORTH_WAITING_S = 60
"""Client libraries wait exactly this long when told; longer values they ignore or sleep through."""


class PolicyFailed(GatewayError):
    """The policy that was to decide on the call raised, or gave no decision. What it raised is the cause: that is for
    whose policy it is, for it may quote anything."""

    code = "policy_failed"
    retryable = False


class Unavailable(GatewayError):
    """We cannot do our part at the moment."""

    status = 503
    code = "service_unavailable"
    retry_after_s: int | None = 1


class NoPrice(Unavailable):
    """A hard budget guards this key and no price is known for the model."""

    code = "no_price"
    retry_after_s = None
    retryable = False


class Overloaded(Unavailable):
    """More calls came than we can carry. This one was not looked at: nothing was held or asked for it."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The gateway has more to do than it can. Nothing was asked or charged: try again in a moment.")


class UpstreamError(GatewayError):
    """The provider failed us; whether it may have charged is the attempt's own matter."""

    status = 502
    code = "upstream_error"


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time."""

    status = 504
    code = "upstream_timeout"


def _sentence(refusal: Refusal) -> str:
    until = f" It resets at {refusal.resets_at}." if refusal.resets_at else ""
    figures = f"{refusal.spent} spent and {refusal.held} held of {refusal.limit}; this call needs {refusal.needed}"
    advice = {
        Reason.EXHAUSTED: f"{until} Ask whoever owns {refusal.node} for more.",
        Reason.HELD: " Calls in flight hold the rest: try again in a moment.",
        Reason.TOO_BIG: f"{until} Ask for less output or send a shorter prompt.",
    }[refusal.reason]
    if refusal.ceiling:
        return f"This call would pass its own ceiling, {refusal.node}: {figures}. Raise it, or ask for less."
    what = "Budget" if refusal.unit == "usd" else "Limit"
    return f"{what} reached for {refusal.node} ({refusal.window}): {figures}.{advice}"
