"""Every error in every dialect: before a stream, with its status and headers, and inside one.

What is told stands in `tests/golden/errors/<dialect>/<case>.json`. `FAREWAY_GOLDEN=write` writes it; look at it.
"""

import json
import os
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import anthropic
import openai
import pytest
from botocore.eventstream import EventStreamBuffer
from inside import Caller

from gateway.core import errors
from gateway.core.errors import GatewayError, LimitReached, Reason, Refusal
from gateway.dialects.framing import JSON_ARRAY
from gateway.dialects.spoken import DIALECTS
from gateway.front import server
from gateway.front.server import Front
from gateway.journey.refused import ProviderRefused
from gateway.upstream.errors import Lost, LostWaiting, Unreached

GOLDEN = Path(__file__).parent.parent / "golden" / "errors"
WRITE = os.environ.get("FAREWAY_GOLDEN") == "write"
ID = "req_0123456789abcdef"
CANARY = "canary-in-a-coal-mine"
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic-messages": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
    "bedrock-converse": "/bedrock/model/m/converse",
    "cohere-chat": "/v2/chat",
}


def limit(unit, reason, *, spent="$10.00", resets_in_s=864000.0):
    amounts = {"usd": "$10.00", "requests": "60 requests", "tokens": "9000 tokens", "concurrent": "2 concurrent"}
    resets = None if resets_in_s is None else "2026-12-01T00:00:00Z"
    return LimitReached(
        Refusal("team:eng", unit, "month", amounts[unit], spent, "$0.00", "$0.01", resets, reason, resets_in_s)
    )


CASES = {
    "bad-field": errors.BadRequest("n must be between 1 and 128", "n"),
    "bad-body": errors.BadRequest("The body is not valid JSON in UTF-8."),
    "body-too-large": errors.BodyTooLarge("The body is larger than 20 MiB."),
    "body-compressed": errors.UnsupportedEncoding("Send the body uncompressed."),
    "idempotency-key-reused": errors.IdempotencyKeyReused("This Idempotency-Key was used for another call."),
    "idempotency-in-progress": errors.AskedBefore("req_first"),
    "idempotency-answered": errors.AlreadyAnswered("req_first"),
    "idempotency-unresolved": errors.Unresolved("req_first"),
    "no-key": errors.Unauthorized("No API key was given."),
    "not-allowed": errors.Forbidden("This key may not use that model."),
    "not-found": errors.NotFound("There is nothing at this path."),
    "unknown-model": errors.UnknownModel("No model is called 'gpt'."),
    "wrong-method": errors.MethodNotAllowed(("GET", "HEAD")),
    "conflict": errors.Conflict("This name is taken."),
    "budget-spent": limit("usd", Reason.EXHAUSTED),
    "budget-spent-for-seconds": limit("usd", Reason.EXHAUSTED, resets_in_s=41.5),
    "budget-spent-for-ever": limit("usd", Reason.EXHAUSTED, resets_in_s=None),
    "budget-held": limit("usd", Reason.HELD),
    "budget-too-small": limit("usd", Reason.TOO_BIG),
    "requests-spent": limit("requests", Reason.EXHAUSTED, spent="60 requests", resets_in_s=12.0),
    "tokens-spent": limit("tokens", Reason.EXHAUSTED, spent="9000 tokens", resets_in_s=12.0),
    "tokens-too-few": limit("tokens", Reason.TOO_BIG, spent="0 tokens"),
    "concurrent-held": limit("concurrent", Reason.HELD, spent="0", resets_in_s=None),
    "store-down": errors.Unavailable("The limits' store does not answer."),
    "no-price": errors.NoPrice("A hard budget guards this key, and no price is known for the model."),
    "policy-failed": errors.PolicyFailed("The routing policy acme.with_room failed."),
    "provider-failed": errors.UpstreamError("The provider refused the gateway's own credentials or account."),
    "provider-unreached": Unreached("The provider cannot be reached."),
    "provider-broke-off": Lost("The provider's answer broke off."),
    "provider-too-slow": errors.UpstreamTimeout("The provider did not answer in time."),
    "provider-fell-silent": LostWaiting("The provider fell silent."),
    "carried-bad-request": ProviderRefused(400, {}, b'{"message":"Too long."}', reworded=True),
    "carried-rate-limit": ProviderRefused(429, {}, b'{"error":{"message":"Slow."}}', reworded=True, wait_s=6.5),
    "carried-overload": ProviderRefused(529, {}, b"", reworded=True),
    "overloaded": errors.Overloaded(),
    "unexpected": RuntimeError(CANARY),
}


def known(kind=GatewayError):
    return {kind}.union(*map(known, kind.__subclasses__()))


def test_every_error_there_is_has_a_case():
    here = {kind for kind in known() if kind.__module__ == errors.__name__} - {GatewayError}
    assert here <= {type(error) for error in CASES.values()}


def front(serve, count=lambda *_: None):
    """The front, before a pipeline that does only this."""
    metrics = SimpleNamespace(count=count)
    pipeline = SimpleNamespace(serve=serve, metrics=metrics, monotonic=lambda: 0.0, clock=lambda: 0.0)
    here = {
        "pipeline": pipeline,
        "catalog": SimpleNamespace(providers={}),
        "body_bytes_max": 1 << 20,
        "body_stall_s": 60,
    }
    return Front(**dict.fromkeys(field.name for field in fields(Front)) | here | {"body_stall_s": 60})


@pytest.fixture
def said(monkeypatch):
    """What a caller of this path hears where the pipeline fails so."""
    monkeypatch.setattr(server, "next_id", lambda: ID)

    async def hear(path, serve):
        caller = Caller(front(serve).handle)
        await caller.say(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        sent = bytes(caller.transport.sent)
        caller.hang_up()
        return caller, sent

    return hear


@pytest.mark.parametrize("reworded", [True, False])
@pytest.mark.parametrize("status", [400, 404, 429, 499])
async def test_what_a_provider_has_against_a_request_is_no_error_of_ours(status, reworded):
    """Whether its words are the caller's or were carried: an alert on our errors would ring for a caller's mistake."""
    assert await counted(ProviderRefused(status, {}, b'{"message":"Too long."}', reworded=reworded)) == []


@pytest.mark.parametrize("case", ["carried-overload", "provider-failed", "bad-body", "unexpected"])
async def test_what_is_said_in_our_words_is_counted(case):
    error = CASES[case]
    assert await counted(error) == [("fareway_errors", getattr(error, "code", GatewayError.code))]


async def counted(error):
    """What hears of a call that ends so."""

    async def serve(call, client):
        raise error

    told = []
    caller = Caller(front(serve, lambda *what: told.append(what)).handle)
    await caller.say(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    caller.hang_up()
    return told


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dialect", PATHS)
async def test_before_and_inside_a_stream(dialect, case, said):
    error = CASES[case]

    async def serve(call, client):
        raise error

    caller, sent = await said(PATHS[dialect], serve)
    ((status, headers, body),) = caller.answers
    assert CANARY.encode() not in sent
    told = {"status": status, "headers": headers, "body": json.loads(body)}
    if isinstance(error, GatewayError):
        told["in_a_stream"] = in_a_stream(dialect, error)
    check(GOLDEN / dialect / f"{case}.json", told)
    retries(status, headers, error)


def in_a_stream(dialect, error):
    """The last event, as text; of AWS its headers and its body. Gemini's arrays end as arrays."""
    event = DIALECTS[dialect].stream_error(error, ID)
    if dialect == "gemini":
        last = JSON_ARRAY.last(DIALECTS[dialect].error(error, ID))
        assert last == b"," + DIALECTS[dialect].error(error, ID) + b"]"
    if dialect != "bedrock-converse":
        assert event.endswith(b"\n\n")
        return event.decode()
    buffer = EventStreamBuffer()
    buffer.add_data(event)
    (message,) = buffer
    return {"headers": message.headers, "body": json.loads(message.payload)}


def check(path, told):
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def retries(status, headers, error):
    """What every client library obeys: no wait where none helps, and none longer than they take."""
    if isinstance(error, LimitReached) and error.refusal.reason is not Reason.HELD and error.retryable is False:
        assert headers["x-should-retry"] == "false"
        assert "retry-after" not in headers
    assert 0 < int(headers.get("retry-after", "1")) <= 60
    assert headers["x-fareway-request-id"] == ID


def test_no_golden_is_left_over():
    assert {p.parent.name for p in GOLDEN.rglob("*.json")} == set(PATHS)
    assert {p.stem for p in GOLDEN.rglob("*.json")} == set(CASES)


def test_the_other_dialects_say_it_as_one_of_these_does():
    for name, dialect in DIALECTS.items():
        for error in (error for error in CASES.values() if isinstance(error, GatewayError)):
            shapes = {DIALECTS[known_].error(error, ID) for known_ in PATHS}
            assert dialect.error(error, ID) in shapes, name
            events = {DIALECTS[known_].stream_error(error, ID) for known_ in PATHS}
            assert dialect.stream_error(error, ID) in events, name


OPENAIS = {
    "bad-field": openai.BadRequestError,
    "no-key": openai.AuthenticationError,
    "not-allowed": openai.PermissionDeniedError,
    "unknown-model": openai.NotFoundError,
    "idempotency-in-progress": openai.ConflictError,
    "budget-spent": openai.RateLimitError,
    "requests-spent": openai.RateLimitError,
    "store-down": openai.InternalServerError,
    "provider-failed": openai.InternalServerError,
    "provider-too-slow": openai.InternalServerError,
    "carried-rate-limit": openai.RateLimitError,
    "unexpected": openai.InternalServerError,
}
ANTHROPICS = {
    "bad-field": "BadRequestError",
    "body-too-large": "ContentTooLargeError",
    "no-key": "AuthenticationError",
    "not-allowed": "PermissionDeniedError",
    "unknown-model": "NotFoundError",
    "budget-spent": "EnforcedSpendLimitReachedError",
    "budget-held": "RateLimitError",
    "requests-spent": "RateLimitError",
    "store-down": "ServiceUnavailableError",
    "provider-too-slow": "GatewayTimeoutError",
    "carried-overload": "OverloadedError",
    "unexpected": "InternalServerError",
}


def raised_by(client, dialect, case):
    """What the official client raises for it."""
    golden = json.loads((GOLDEN / dialect / f"{case}.json").read_text())
    make = client._make_status_error_from_response
    http = __import__(type(client._client).__mro__[-2].__module__.split(".")[0])
    answer = http.Response(
        golden["status"], headers=golden["headers"], json=golden["body"], request=http.Request("POST", "http://x")
    )
    return make(answer)


@pytest.mark.parametrize("case", OPENAIS)
def test_openais_client_raises_what_it_should(case):
    with openai.OpenAI(api_key="x") as client:
        raised = raised_by(client, "openai-chat", case)
    assert type(raised) is OPENAIS[case]


@pytest.mark.parametrize("case", ANTHROPICS)
def test_anthropics_client_raises_what_it_should(case):
    with anthropic.Anthropic(api_key="x") as client:
        raised = raised_by(client, "anthropic-messages", case)
    assert type(raised).__name__ == ANTHROPICS[case]


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_mistake_of_ours_in_the_middle_of_a_stream_shows_no_text_and_no_clean_end(dialect, said):
    async def serve(call, client):
        await client.start(200, {"Content-Type": "text/event-stream"})
        await client.write(b"data: {}\n\n")
        raise RuntimeError(CANARY)

    caller, sent = await said(PATHS[dialect], serve)
    assert b"data: {}" in sent
    assert CANARY.encode() not in sent
    assert not sent.endswith(b"0\r\n\r\n")
    assert caller.transport.closed == "aborted"
