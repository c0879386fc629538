"""Callers that leave and providers that break off, in every dialect: what was used is booked, from what is known.

Public bugs of others that must not happen here: BerriAI/litellm #30630, #33736 (no entry after a hang-up), #36008 (a
provider that charges on is not heard to its end), #13245 (the output of an abandoned call is missing), #39893 (tokens
recovered, cost still of the placeholder).
"""

import json
import socket
from decimal import Decimal
from urllib.parse import quote, urlsplit

import harness
import pytest
from road import eventually
from slow_provider import Script, slow_provider

from gateway.catalog.providers import KNOWN
from gateway.dialects import aws_events

WORDS = [f" word{n}" for n in range(60)]
PICOS = Decimal(10) ** 12


def sse(*events, named=False):
    """Events as they travel."""
    return [
        (f"event: {event['type']}\n" if named else "").encode() + b"data: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    ]


def anthropic():
    usage = {"input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 50, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-20251001", "usage": usage}
    return sse(
        {"type": "message_start", "message": message},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}} for w in WORDS),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 90}},
        {"type": "message_stop"},
        named=True,
    )


def gemini():
    def chunk(n, word, **more):
        usage = {"promptTokenCount": 150, "candidatesTokenCount": n, "totalTokenCount": 150 + n}
        candidate = {"content": {"parts": [{"text": word}], "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"}

    return sse(*(chunk(n + 1, w) for n, w in enumerate(WORDS)), chunk(90, "", finishReason="STOP"))


def chat():
    def chunk(choices, **more):
        return {"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": choices, **more}

    usage = {"prompt_tokens": 150, "completion_tokens": 90, "total_tokens": 240}
    return [
        *sse(*(chunk([{"index": 0, "delta": {"content": w}, "finish_reason": None}]) for w in WORDS)),
        *sse(chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]), chunk([], usage=usage)),
        b"data: [DONE]\n\n",
    ]


def responses():
    response = {"id": "r", "object": "response", "model": "grok-4.3", "output": [], "usage": None}
    usage = {"input_tokens": 150, "output_tokens": 90, "total_tokens": 240}
    return sse(
        {"type": "response.created", "response": response},
        *({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "delta": w} for w in WORDS),
        {"type": "response.completed", "response": response | {"status": "completed", "usage": usage}},
        named=True,
    )


def bedrock():
    def event(kind, body):
        head = aws_events._header(":event-type", kind) + aws_events._header(":message-type", "event")
        return aws_events.message(head, json.dumps(body).encode())

    usage = {"inputTokens": 150, "outputTokens": 90, "totalTokens": 240}
    return [
        event("messageStart", {"role": "assistant"}),
        *(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": w}}) for w in WORDS),
        event("messageStop", {"stopReason": "end_turn"}),
        event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
    ]


def cohere():
    usage = {"billed_units": {"input_tokens": 150, "output_tokens": 90}}
    return sse(
        {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}},
        *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": w}}}} for w in WORDS),
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
        named=True,
    )


SAID = [{"role": "user", "content": "Hi"}]
CASES = {  # provider: model, path, body, events, whether the input is known from the beginning, whether it charges on
    "anthropic": (
        "claude-haiku-4-5-20251001", "/v1/messages", {"max_tokens": 500, "messages": SAID, "stream": True},
        anthropic(), True, False,
    ),
    "google": (
        "gemini-2.5-flash", "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 500}},
        gemini(), True, True,
    ),
    "openai": (
        "gpt-4o-mini", "/v1/chat/completions", {"max_tokens": 500, "messages": SAID, "stream": True},
        chat(), False, False,
    ),
    "xai": (
        "grok-4.3", "/v1/responses", {"max_output_tokens": 500, "input": "Hi", "stream": True},
        responses(), False, False,
    ),
    "cohere": (
        "command-a-03-2025", "/v2/chat", {"max_tokens": 500, "messages": SAID, "stream": True}, cohere(), False, False,
    ),
    "bedrock": (
        "us.amazon.nova-micro-v1:0", "/bedrock/model/{model}/converse-stream",
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 500}},
        bedrock(), False, True,
    ),
}  # fmt: skip
LEFT_AFTER = 20  # Pieces.


@pytest.fixture(scope="module")
def provider():
    with slow_provider() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    """A gateway with one provider for each case, all of them the slow one."""
    lines = [f"  {name}: {{base_url: {provider.url}/{name}}}" for name in CASES]
    env = {KNOWN[name].key_env: "a-key" for name in CASES}
    running = harness.gateway(tmp_path_factory.mktemp("hang-ups"), "\n".join(["providers:", *lines]) + "\n", env=env)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


def script(name, pieces, **more):
    """A stream as the provider of that name frames it."""
    binary = name == "bedrock"
    return Script(pieces, "application/vnd.amazon.eventstream" if binary else "text/event-stream", **more)


def ask(gate, name, read):
    """Ask over a bare socket, and leave as soon as `read` says so. Returns the request's id and what came."""
    model, path, body, *_ = CASES[name]
    path = path.replace("{model}", quote(f"{name}/{model}", safe="/"))
    sent = json.dumps(body if "{model}" in CASES[name][1] else {"model": f"{name}/{model}", **body}).encode()
    url = urlsplit(gate.url)
    with socket.create_connection((url.hostname, url.port), 20) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gate.tokens[1]}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent)
        came = b""
        while not read(came):
            part = line.recv(65536)
            if not part:
                break
            came += part
    return came.split(b"x-fareway-request-id: ")[1].split(b"\r\n")[0].decode(), came


def settled(gate, request_id):
    """The one entry of a request, once it is there."""
    found = []

    def there():
        try:
            found[:] = harness.get(f"{gate.url}/v1/requests/{request_id}", gate.tokens[0])["entries"]
        except OSError:
            return False
        return bool(found)

    eventually(there)
    (entry,) = found
    return entry


def whole(gate, provider, name):
    """What the call costs if nothing happens."""
    provider.scripts[name] = script(name, CASES[name][3])
    request_id, _ = ask(gate, name, lambda came: came.endswith(b"0\r\n\r\n"))
    return settled(gate, request_id)


@pytest.mark.parametrize("name", CASES)
def test_a_stream_that_ends_well_costs_what_its_last_word_says(gate, provider, name):
    entry = whole(gate, provider, name)
    assert (entry["outcome"], entry["cost_status"]) == ("ok", "exact")
    assert entry["tokens"]["input"] == 150
    assert entry["tokens"]["output"] == 90


@pytest.mark.parametrize("name", CASES)
def test_a_caller_that_leaves_pays_for_what_was_made(gate, provider, name):
    """Where an abort ends the charging, what came is counted; where it does not, the provider's last word is heard."""
    *_, events, input_known, charges_on = CASES[name]
    full = whole(gate, provider, name)
    provider.scripts[name] = script(name, events, pause_s=0.03)
    request_id, _ = ask(
        gate, name, lambda came: max(came.count(b"data: "), came.count(b"contentBlockDelta")) >= LEFT_AFTER
    )
    entry = settled(gate, request_id)
    if charges_on:
        eventually(lambda: provider.ended[name] == "whole")
        assert entry["cost_usd"] == full["cost_usd"]
        assert (entry["outcome"], entry["cost_status"]) == ("hung_up", "exact")
        return
    eventually(lambda: provider.ended[name] == "left")
    assert (entry["outcome"], entry["cost_status"]) == ("hung_up", "estimated")
    assert entry["tokens"]["input"] == 150 if input_known else entry["tokens"]["input"] > 0
    assert entry["tokens"]["output"] >= LEFT_AFTER - 2, "a word is a token or more"
    assert 0 < Decimal(entry["cost_usd"]) <= Decimal(entry["held_usd"])


@pytest.mark.parametrize("name", CASES)
def test_a_provider_that_breaks_off_is_paid_for_what_came(gate, provider, name):
    *_, events, input_known, _ = CASES[name]
    provider.scripts[name] = script(name, events[: LEFT_AFTER + 1], cut=True)
    request_id, came = ask(gate, name, lambda came: came.endswith(b"0\r\n\r\n"))
    entry = settled(gate, request_id)
    assert (entry["outcome"], entry["cost_status"]) == ("cut", "estimated")
    assert entry["tokens"]["input"] == 150 if input_known else entry["tokens"]["input"] > 0
    assert entry["tokens"]["output"] >= LEFT_AFTER
    said = came.split(b"\r\n\r\n", 1)[1].lower()
    assert b"error" in said or b"exception" in said, "callers see that something is missing"


@pytest.mark.parametrize("name", CASES)
def test_usage_is_found_however_a_stream_is_cut_into_pieces(gate, provider, name):
    """One byte at a time near the end, where the usage is; and all at once."""
    *_, events, _, _ = CASES[name]
    joined = b"".join(events)
    full = whole(gate, provider, name)
    tail = joined[-400:]
    for pieces in ([joined], [joined[:-400], *(tail[n : n + 1] for n in range(len(tail)))]):
        provider.scripts[name] = script(name, pieces)
        request_id, _ = ask(gate, name, lambda came: came.endswith(b"0\r\n\r\n"))
        assert settled(gate, request_id)["cost_usd"] == full["cost_usd"]
