"""Our refusals in the shape and with the words that OpenAI's client libraries know."""

import json

import pytest

from gateway.core.errors import (
    AlreadyAnswered,
    AskedBefore,
    BadRequest,
    BodyTooLarge,
    Forbidden,
    IdempotencyKeyReused,
    LimitReached,
    Reason,
    Refusal,
    Unauthorized,
    Unavailable,
    UnknownModel,
    Unresolved,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.dialects import anthropic_errors, aws_errors, cohere_errors, gemini_errors
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_embeddings import OpenAIEmbeddings


def limit(unit):
    return LimitReached(Refusal("key:k", unit, "day", "1", "1", "0", "1", None, Reason.EXHAUSTED))


@pytest.mark.parametrize(
    ("error", "kind", "code", "param"),
    [
        (BadRequest("n is wrong", "n"), "invalid_request_error", "invalid_value", "n"),
        (BadRequest("no JSON"), "invalid_request_error", "invalid_request_error", None),
        (BodyTooLarge("large"), "request_too_large", "request_too_large", None),
        (Unauthorized("who"), "invalid_request_error", "invalid_api_key", None),
        (Forbidden("no"), "permission_denied", "permission_denied", None),
        (UnknownModel("what"), "invalid_request_error", "model_not_found", None),
        (limit("usd"), "insufficient_quota", "insufficient_quota", None),
        (limit("tokens"), "tokens", "rate_limit_exceeded", None),
        (limit("requests"), "requests", "rate_limit_exceeded", None),
        (limit("concurrent"), "requests", "rate_limit_exceeded", None),
        (IdempotencyKeyReused("again"), "invalid_request_error", "idempotency_key_reused", None),
        (AskedBefore("req_1"), "invalid_request_error", "idempotency_in_progress", None),
        (Unavailable("down"), "server_error", "service_unavailable", None),
        (UpstreamTimeout("slow"), "server_error", "upstream_timeout", None),
    ],
)
def test_every_refusal_has_openais_shape(error, kind, code, param):
    for dialect in (OpenAIChat(), OpenAIEmbeddings()):
        told = json.loads(dialect.error(error, "req-1"))
        assert told == {
            "error": {"message": str(error), "type": kind, "param": param, "code": code, "request_id": "req-1"}
        }


def test_in_a_stream_the_refusal_is_one_event_and_no_clean_end():
    event = OpenAIChat().stream_error(Unavailable("down"), "req-1")
    assert event == b"data: " + OpenAIChat().error(Unavailable("down"), "req-1") + b"\n\n"
    assert b"[DONE]" not in event


@pytest.mark.parametrize(
    ("error", "status", "code", "canonical", "exception"),
    [
        (IdempotencyKeyReused("again"), 422, "idempotency_key_reused", "INVALID_ARGUMENT", "ValidationException"),
        (AskedBefore("req_1"), 409, "idempotency_in_progress", "ABORTED", "ConflictException"),
        (AlreadyAnswered("req_1"), 409, "idempotency_already_answered", "ABORTED", "ConflictException"),
        (Unresolved("req_1"), 409, "idempotency_unresolved", "ABORTED", "ConflictException"),
    ],
)
def test_a_key_that_was_used_before_is_told_in_every_dialect(error, status, code, canonical, exception):
    told = json.loads(anthropic_errors.error_body(error, "req-1"))["error"]
    assert (told["type"], told["details"]) == ("invalid_request_error", {"error_code": code})
    told = json.loads(gemini_errors.error_body(error, "req-1"))["error"]
    assert (told["code"], told["status"], told["details"][0]["reason"]) == (status, canonical, code.upper())
    assert aws_errors.error_head(error, "req-1") == (
        status,
        {"x-amzn-ErrorType": exception, "x-amzn-RequestId": "req-1"},
    )
    assert json.loads(cohere_errors.error_body(error, "req-1"))["message"] == str(error)
    assert error.status == 422 or "req_1" in str(error)
    assert error.retryable is (False if "answered" in code or "unresolved" in code else None)


class OfAProvider(UpstreamError):
    """Its own refusal, carried to a caller that does not speak its dialect."""

    def __init__(self, status):
        super().__init__("Slow down.")
        self.status = status


def test_a_providers_own_limit_is_a_limit_in_the_callers_words():
    told = json.loads(OpenAIChat().error(OfAProvider(429), "req-1"))["error"]
    assert (told["type"], told["code"]) == ("requests", "rate_limit_exceeded")
    kinds = {529: "overloaded_error", 429: "rate_limit_error", 402: "billing_error"}
    for status, kind in kinds.items():
        assert json.loads(anthropic_errors.error_body(OfAProvider(status), "req-1"))["error"]["type"] == kind
