"""Our refusals in Cohere's shape: https://docs.cohere.com/reference/errors."""

from __future__ import annotations

import msgspec

from gateway.core.errors import GatewayError


def error_body(error: GatewayError, request_id: str) -> bytes:
    """`{"id", "message"}`."""
    return msgspec.json.encode({"id": request_id, "message": str(error)})


def stream_error(error: GatewayError, request_id: str) -> bytes:
    """The error as the end of a stream: `message-end` with a reason that is no success."""
    delta = {"finish_reason": "ERROR", "error": str(error)}
    data = msgspec.json.encode({"type": "message-end", "id": request_id, "delta": delta})
    return b"event: message-end\ndata: " + data + b"\n\n"
