"""Our refusals in Google's shape: https://cloud.google.com/apis/design/errors."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest, GatewayError, LimitReached

_TYPE = "type.googleapis.com/google.rpc."

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(error: GatewayError, request_id: str) -> bytes:
    """`{"error": {code, message, status, details}}`, with the canonical codes that Google's clients know."""
    status = _STATUS.get(error.status, "UNKNOWN")
    details = [*_details(error), {"@type": f"{_TYPE}RequestInfo", "requestId": request_id}]
    said = {"code": error.status, "message": str(error), "status": status, "details": details}
    return msgspec.json.encode({"error": said})


def stream_error(error: GatewayError, request_id: str) -> bytes:
    """The error as the last event of a stream."""
    return b"data: " + error_body(error, request_id) + b"\n\n"


def _details(error: GatewayError) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"@type": f"{_TYPE}ErrorInfo", "reason": error.code.upper(), "domain": "fareway"}]
    if isinstance(error, LimitReached):
        violation = {"subject": error.refusal.node, "description": str(error)}
        found.append({"@type": f"{_TYPE}QuotaFailure", "violations": [violation]})
    if isinstance(error, BadRequest) and error.param:
        violation = {"field": error.param, "description": str(error)}
        found.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.retry_after_s is not None:
        found.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_s}s"})
    return found
