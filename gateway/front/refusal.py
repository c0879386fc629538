"""A refusal of ours on the wire: its status, headers and body, as the caller's client library reads them."""

from __future__ import annotations

from gateway.core.errors import AskedBefore, GatewayError, LimitReached, MethodNotAllowed
from gateway.dialects import anthropic_errors, aws_errors, gemini_errors, openai_errors
from gateway.dialects.base import Dialect
from gateway.front.exchange import Exchange
from gateway.front.models import Shape, shape_of

_WORDED = {
    Shape.OPENAI: openai_errors.error_body,
    Shape.ANTHROPIC: anthropic_errors.error_body,
    Shape.GEMINI: gemini_errors.error_body,
}


def refusal(
    error: GatewayError, call_id: str, exchange: Exchange, dialect: Dialect | None
) -> tuple[int, dict[str, str], bytes]:
    """In the dialect of the call; without one, as whoever's client it is expects."""
    status, headers = error.status, _headers(error, call_id)
    if dialect is None:
        worded = _WORDED[shape_of(exchange.path, exchange.headers, exchange.query)]
        return status, headers, worded(error, call_id)
    if dialect.name.startswith("bedrock-"):
        status, more = aws_errors.error_head(error, call_id)
        headers |= more
    return status, headers, dialect.error(error, call_id)


def _headers(error: GatewayError, call_id: str) -> dict[str, str]:
    """What client libraries need to know about trying again."""
    headers = {"Content-Type": "application/json", "x-fareway-request-id": call_id, "x-request-id": call_id}
    headers["request-id"] = call_id  # What Anthropic's clients read.
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.retryable is not None:
        headers["x-should-retry"] = "true" if error.retryable else "false"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, AskedBefore):
        headers["x-fareway-first-request-id"] = error.first
    if isinstance(error, LimitReached):
        headers["x-fareway-budget-scope"] = error.refusal.node
        headers["x-fareway-limit-reason"] = error.refusal.reason
        if error.refusal.resets_at:
            headers["x-fareway-budget-reset"] = error.refusal.resets_at
    return headers
