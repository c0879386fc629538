"""Our refusals as AWS's client libraries know them: Bedrock's exceptions by name.

Names and statuses are those of botocore's model of bedrock-runtime (2023-09-30).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.core.errors import BadRequest, GatewayError, LimitReached
from gateway.dialects import aws_events

_NAMES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    405: "ValidationException",
    409: "ConflictException",
    413: "ValidationException",
    415: "ValidationException",
    422: "ValidationException",
    429: "ThrottlingException",
    502: "ServiceUnavailableException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
_QUOTA = "ServiceQuotaExceededException"
_UNKNOWN = "InternalServerException"
_IN_STREAMS = {"ThrottlingException", "ServiceUnavailableException", "ValidationException"}


def error_body(error: GatewayError, request_id: str) -> bytes:
    """`{"message": …}`; the name of the exception is in a header."""
    shown: dict[str, str] = {"message": str(error), "request_id": request_id}
    if isinstance(error, BadRequest) and error.param:
        shown["param"] = error.param
    return msgspec.json.encode(shown)


def error_head(error: GatewayError, request_id: str) -> tuple[int, Mapping[str, str]]:
    """The status, and the headers that AWS's clients read. A refusal that no wait can cure is a 400, as an exceeded
    quota is at AWS: boto3 asks again after every 429."""
    name = _name(error)
    return 400 if name == _QUOTA else error.status, {"x-amzn-ErrorType": name, "x-amzn-RequestId": request_id}


def stream_error(error: GatewayError, request_id: str) -> bytes:
    """The error as the last message of a stream. Streams know fewer exceptions."""
    name = _name(error)
    if name == _QUOTA:
        name = "ThrottlingException"
    kind = name if name in _IN_STREAMS else "ModelStreamErrorException" if error.status == 504 else _UNKNOWN
    return aws_events.exception(kind[0].lower() + kind[1:], error_body(error, request_id))


def _name(error: GatewayError) -> str:
    if isinstance(error, LimitReached) and error.retryable is False:
        return _QUOTA
    return _NAMES.get(error.status, _UNKNOWN)
