"""Our refusals in the shape and with the words that OpenAI's client libraries know."""

import json

import pytest

from gateway.core.errors import (
    BadRequest,
    BodyTooLarge,
    Forbidden,
    LimitReached,
    Reason,
    Refusal,
    Unauthorized,
    Unavailable,
    UnknownModel,
    UpstreamTimeout,
)
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
        (Unavailable("down"), "service_unavailable", "service_unavailable", None),
        (UpstreamTimeout("slow"), "upstream_timeout", "upstream_timeout", None),
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
