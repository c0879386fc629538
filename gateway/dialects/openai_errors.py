"""Our refusals in OpenAI's shape: https://platform.openai.com/docs/guides/error-codes."""

from __future__ import annotations

import msgspec

from gateway.core.errors import BadRequest, GatewayError, LimitReached
from gateway.core.limit import TOKENS, Unit

_TYPES = dict.fromkeys((400, 401, 404, 405, 409, 422), "invalid_request_error")


def error_body(error: GatewayError, request_id: str) -> bytes:
    """`{"error": {message, type, param, code}}`, with the types that OpenAI's clients know."""
    kind, code = _kind(error)
    return msgspec.json.encode(
        {
            "error": {
                "message": str(error),
                "type": kind,
                "param": error.param if isinstance(error, BadRequest) else None,
                "code": code,
                "request_id": request_id,
            }
        }
    )


def stream_error(error: GatewayError, request_id: str) -> bytes:
    """The error as an event. No `[DONE]` may follow: clients would take the answer for whole."""
    return b"data: " + error_body(error, request_id) + b"\n\n"


def _kind(error: GatewayError) -> tuple[str, str]:
    if isinstance(error, LimitReached):
        if error.refusal.unit == Unit.USD and error.retryable is False:  # Clients take it as the end: none may wait.
            return "insufficient_quota", "insufficient_quota"
        return ("tokens" if error.refusal.unit in TOKENS else "requests"), "rate_limit_exceeded"
    if error.status == 429:  # Of a provider: clients tell by the code that a wait helps.
        return "requests", "rate_limit_exceeded"
    if isinstance(error, BadRequest) and error.status == 400:
        return "invalid_request_error", "invalid_value" if error.param else "invalid_request_error"
    if error.status >= 500:  # The code says what failed; by the type clients tell that it was no fault of theirs.
        return "server_error", error.code
    return _TYPES.get(error.status, error.code), error.code
