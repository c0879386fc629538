"""What the simulator refuses, in the shape of the API that was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPENAI_TYPES = {429: "rate_limit_exceeded", 401: "invalid_request_error"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""From https://platform.claude.com/docs/en/api/errors."""
_GOOGLE_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""From https://ai.google.dev/gemini-api/docs/troubleshooting."""
_AWS_TYPES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
"""From https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors."""

_PATHS = (
    (re.compile(r"/messages(?:/count_tokens)?$"), "anthropic"),
    (re.compile(r"/v1beta/|/models/[^/]+:\w+$"), "google"),
    (re.compile(r"/model/.+/(?:converse|invoke)"), "aws"),
)


class RefusedError(Exception):
    """Answered with `status`. `param` names the field at fault; `retry_after` is in seconds."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after

    def headers(self, style: str) -> dict[str, str]:
        """What goes with the error besides its body."""
        named = {"x-amzn-errortype": aws_type(self.status)} if style == "aws" else {}
        return named if self.retry_after is None else named | {"retry-after": f"{self.retry_after:g}"}

    def body(self, style: str) -> dict[str, Any]:
        """The error as JSON."""
        if style == "anthropic":
            return anthropic_error(str(self), self.status)
        if style == "google":
            return google_error(str(self), self.status, self.retry_after)
        if style == "aws":
            return {"message": str(self)}
        return openai_error(str(self), self.status, self.code, self.param)


IN_STREAM = "The server had an error while processing your request."
"""What an error inside a stream says, in every API."""


def style_of(path: str) -> str:
    """Whose errors are spoken at this path: "openai", "anthropic", "google" or "aws"."""
    return next((style for pattern, style in _PATHS if pattern.search(path)), "openai")


def openai_error(message: str, status: int, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's envelope of an error, also used for an error inside a stream of chat."""
    kind = _OPENAI_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic_error(message: str, status: int) -> dict[str, Any]:
    """Anthropic's, also used inside streams."""
    kind = _ANTHROPIC_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


def google_error(message: str, status: int, retry_after: float | None = None) -> dict[str, Any]:
    """Google's, also used inside streams."""
    word = _GOOGLE_STATUSES.get(status) or ("INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if retry_after is not None:
        again = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after:g}s"}
        error["details"] = [again]
    return {"error": error}


def aws_type(status: int) -> str:
    """AWS's name of an error, which its clients make a class of."""
    return _AWS_TYPES.get(status) or ("InternalServerException" if status >= 500 else "ValidationException")


@contextmanager
def understanding() -> Iterator[None]:
    """What has a type that no reader looks for, deep inside a body, is the caller's mistake."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as odd:
        raise RefusedError(400, f"The request has a value that cannot be understood: {odd}") from odd
