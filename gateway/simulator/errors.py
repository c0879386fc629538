"""What the simulator refuses, in the shape of OpenAI's errors."""

from __future__ import annotations

from typing import Any

_TYPES = {429: "rate_limit_exceeded", 401: "invalid_request_error"}


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

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the error besides its body."""
        return {} if self.retry_after is None else {"retry-after": f"{self.retry_after:g}"}

    @property
    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        return error_body(str(self), self.status, self.code, self.param)


def error_body(message: str, status: int, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's envelope of an error, also used for an error inside a stream."""
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
