"""Our refusals in Anthropic's shape: https://platform.claude.com/docs/en/api/errors."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import AskedBefore, GatewayError, IdempotencyKeyReused, LimitReached
from gateway.core.limit import Unit

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",  # As Anthropic's own API has it, and providers that speak it.
}

SPENT = "enforced_spend_limit_reached"
"""What Anthropic calls a spend limit that no waiting cures: its clients have a class for it."""


def error_body(error: GatewayError, request_id: str) -> bytes:
    """`{"type": "error", "error": {type, message}, "request_id"}`, with the types that Anthropic's clients know."""
    said: dict[str, Any] = {"type": _TYPES.get(error.status, "api_error"), "message": str(error)}
    if isinstance(error, LimitReached) and error.refusal.unit == Unit.USD and error.retryable is False:
        said["details"] = {"error_code": SPENT}
    elif isinstance(error, AskedBefore | IdempotencyKeyReused):
        said["details"] = {"error_code": error.code}
    return msgspec.json.encode({"type": "error", "error": said, "request_id": request_id})


def stream_error(error: GatewayError, request_id: str) -> bytes:
    """The error as an event, which ends a stream at Anthropic too: no `message_stop` follows."""
    return b"event: error\ndata: " + error_body(error, request_id) + b"\n\n"
