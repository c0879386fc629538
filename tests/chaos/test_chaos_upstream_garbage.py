"""U3: a provider that answers with garbage. No call ends in a fault of ours, the entry says that it is an estimate, and
what is booked is what we counted, never more than was held."""

import json
from contextlib import closing
from decimal import Decimal

import pytest
from hostile import says
from playing_provider import head, playing, whole
from road import road
from tongues import TONGUES, Caller

pytestmark = pytest.mark.xdist_group("chaos-upstream")

CONFIG = """
providers:
  playing: {kind: sim, base_url: PLAY_URL/v1, prices: sim}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
timeouts: {connect: 5s, first_byte: 20s, idle: 20s, total: 60s}
limits: [{node: all, amount: 100000 usd, window: month}]
"""
WORDS = 60
TEXT = "one two three four five six " * (WORDS // 6)
COUNTED_MAX = WORDS + 16 + 10  # Counted by ourselves, the margin, and how far two tokenizers may differ.
NUMBERS = ["0", "1e18", "1000000000000000000", "-5", "NaN", '"many"', "1.5", "null", "[]", "{}", "true", "1" * 400]
USAGES = {
    "openai-chat": '{"prompt_tokens": %s, "completion_tokens": %s, "total_tokens": %s}',
    "openai-responses": '{"input_tokens": %s, "output_tokens": %s, "total_tokens": %s}',
    "anthropic-messages": '{"input_tokens": %s, "output_tokens": %s, "cache_read_input_tokens": %s}',
    "gemini": '{"promptTokenCount": %s, "candidatesTokenCount": %s, "totalTokenCount": %s}',
}
ANSWERS = {  # A whole answer, with its usage left open.
    "openai-chat": '{"id": "x", "choices": [{"index": 0, "finish_reason": "stop", '
    '"message": {"role": "assistant", "content": "TEXT"}}], "usage": USAGE}',
    "openai-responses": '{"id": "x", "object": "response", "status": "completed", "output": [{"type": "message", '
    '"role": "assistant", "content": [{"type": "output_text", "text": "TEXT"}]}], "usage": USAGE}',
    "anthropic-messages": '{"id": "x", "type": "message", "role": "assistant", '
    '"content": [{"type": "text", "text": "TEXT"}], "stop_reason": "end_turn", "usage": USAGE}',
    "gemini": '{"candidates": [{"content": {"parts": [{"text": "TEXT"}], "role": "model"}, "index": 0, '
    '"finishReason": "STOP"}], "usageMetadata": USAGE}',
}
STREAMS = {
    "openai-chat": 'data: {"id": "x", "choices": [{"index": 0, "delta": {"content": "TEXT"}, '
    '"finish_reason": "stop"}]}\n\ndata: {"id": "x", "choices": [], "usage": USAGE}\n\ndata: [DONE]\n\n',
    "openai-responses": "event: response.output_text.delta\n"
    'data: {"type": "response.output_text.delta", "delta": "TEXT"}\n\n'
    'event: response.completed\ndata: {"type": "response.completed", "response": ANSWER}\n\n',
    "anthropic-messages": 'event: message_start\ndata: {"type": "message_start", "message": {"usage": USAGE}}\n\n'
    'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"text": "TEXT"}}\n\n'
    'event: message_delta\ndata: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE}\n\n'
    'event: message_stop\ndata: {"type": "message_stop"}\n\n',
    "gemini": "data: ANSWER\n\n",
}
BODIES = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'{"a',
    b"\xff\xfe\x00",
    b"<html>down</html>",
    b"7",
    b'"text"',
    b"[" * 90_000,
]
BODIES += [b'{"error": null}', b'{"error": "oops"}', b'{"usage": {"usage": ' * 9_000, b'{"choices": 7, "content": 7}']
TYPES = ["application/json", "text/html", "text/event-stream", "image/png", "", "application/json; charset=utf-16"]


def usages(name):
    """Usage blocks that cannot be believed, as text."""
    blocks = [USAGES[name] % (number, number, number) for number in NUMBERS]
    return [*blocks, "null", "[]", '"none"', "7", "{}", USAGES[name] % (9, "-5", 9), USAGES[name] % ("1e18", 3, 3)]


def with_usage(tongue, stream, usage):
    """An answer that says this of itself."""
    answer = ANSWERS[tongue.name]
    text = STREAMS[tongue.name].replace("ANSWER", answer) if stream else answer
    return text.replace("TEXT", TEXT.strip()).replace("USAGE", usage).encode()


@pytest.fixture(scope="module")
def stage():
    with playing() as found:
        yield found


@pytest.fixture
def way(stage, tmp_path):
    """Whose log must be without a traceback at the end."""
    with road(tmp_path, CONFIG.replace("PLAY_URL", stage.url)) as found:
        yield found


def booked(way):
    """All that was, by the id of the call."""
    return {line["request_id"]: line for line in way.entries()}


def test_usage_that_cannot_be_believed(way, stage, shown, dice, full):
    asked, faults = [], []
    with closing(Caller(way.url, way.first)) as caller:
        for tongue in TONGUES:
            for stream in (False, True):
                for usage in usages(tongue.name) if full else dice.sample(usages(tongue.name), 8):
                    body = with_usage(tongue, stream, usage)
                    said = head(200, "text/event-stream" if stream else "application/json") + body
                    text = stage.play("usage", says(said, then="close"))
                    heard = caller.ask(tongue, "playing/sim-small", text, stream=stream)
                    asked.append((f"{tongue.name} {stream} {usage[:90]}", heard))
    lines = booked(way)
    for what, heard in asked:
        line = lines[heard.id]
        counted = WORDS <= line["output_tokens"] <= COUNTED_MAX
        flagged = line["cost_status"] in ("estimated", "uncertain") or line["entry"]["clamped"]
        within = line["cost_picos"] <= line["entry"]["held_nanos"] * 1000
        if heard.status != 200 or heard.broken or not (counted and flagged and within):
            faults.append(f"{what}: {heard.status}, {line['output_tokens']} tokens, {line['cost_status']}")
    shown(
        "U3",
        "usage of 0, 1e18, -5, NaN, words, fractions, lists, none; 4 dialects, streamed and whole",
        f"{len(faults)} of {len(asked)} not passed on, counted here, flagged, and within the hold",
        target="0",
        met=not faults,
        faults=faults[:40],
    )


def test_bodies_that_are_no_answer(way, stage, shown, dice, full):
    asked, faults = [], []
    with closing(Caller(way.url, way.first)) as caller:
        for tongue in TONGUES:
            for stream in (False, True):
                both = [(body, kind) for body in BODIES for kind in TYPES]
                for body, kind in both if full else dice.sample(both, 12):
                    text = stage.play("garbage", says(whole(body, 200, kind), then="close"))
                    heard = caller.ask(tongue, "playing/sim-small", text, stream=stream)
                    asked.append((f"{tongue.name} {stream} {kind} {body[:30]!r}", heard))
    lines = booked(way)
    for what, heard in asked:
        line = lines[heard.id]
        told = heard.status in (200, 502) and not heard.broken
        within = Decimal(line["cost_picos"]) <= line["entry"]["held_nanos"] * 1000
        if not told or not within or line["cost_status"] == "exact":
            faults.append(f"{what}: {heard.status}, {line['cost_status']}, {json.dumps(str(heard.body[:80]))}")
    shown(
        "U3",
        "no JSON, HTML, nothing, nested 90,000 deep, under six content types; 4 dialects, streamed and whole",
        f"{len(faults)} of {len(asked)} with a fault of ours, an exact cost or more than was held",
        target="0",
        met=not faults,
        faults=faults[:40],
    )
