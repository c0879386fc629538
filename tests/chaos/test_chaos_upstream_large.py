"""U5: a provider whose pieces are huge. What is read is bounded (docs/architecture.md), and so is the memory for it."""

import pytest
from playing_provider import LAST, STREAM, chunk, playing
from resident import Grown
from road import road
from test_chaos_upstream_quick import CONFIG
from tongues import TONGUES, Caller

MIB = 1 << 20
LIMIT = 64 * MIB  # gateway.upstream.answer.READ_BYTES_MAX and gateway.dialects.sse.LATE_BYTES_MAX.
PIECE = b"word " * (MIB // 5)
FINISH = (
    b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
COUNTED = b'"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}'
USAGE = b'data: {"id":"x","object":"chat.completion.chunk","choices":[],' + COUNTED + b"\n\n"
BEGUN = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"'
OVER = b'"}}]}\n\n'
WHOLE = b'{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"content":"'
WHOLE_OVER = b'"}}],' + COUNTED


def an_event_of(count):
    """A stream with one event of so many mebibytes."""

    async def script(_, writer):
        writer.write(STREAM + chunk(BEGUN))
        for _ in range(count):
            writer.write(chunk(PIECE))
            await writer.drain()
        writer.write(chunk(OVER) + chunk(FINISH) + chunk(USAGE) + chunk(b"data: [DONE]\n\n") + LAST)

    return script


def a_body_of(count):
    """A whole answer of so many mebibytes."""

    async def script(_, writer):
        length = len(WHOLE) + count * len(PIECE) + len(WHOLE_OVER)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (length, WHOLE)
        )
        for _ in range(count):
            writer.write(PIECE)
            await writer.drain()
        writer.write(WHOLE_OVER)

    return script


@pytest.mark.parametrize(
    ("what", "script", "passes"),
    [
        ("an event of 10 MiB", an_event_of(10), True),
        ("an event of 60 MiB", an_event_of(60), True),
        ("an event of 100 MiB", an_event_of(100), True),
        ("a body of 60 MiB", a_body_of(60), True),
        ("a body of 100 MiB", a_body_of(100), False),
    ],
)
def test_huge_pieces(tmp_path, shown, what, script, passes):
    stream = "event" in what
    with playing() as provider, road(tmp_path, CONFIG.replace("PLAY_URL", provider.url)) as way:
        caller = Caller(way.url, way.first)
        small, text = provider.play("small", an_event_of(0)), provider.play("huge", script)
        assert caller.ask(TONGUES[0], "playing/sim-small", small, stream=True).status == 200
        with Grown(way.gate.process.pid) as grown:
            heard = caller.ask(TONGUES[0], "playing/sim-small", text, stream=stream)
        caller.close()
        way.rest()
        entries = [line for line in way.entries() if line["request_id"] == heard.id]
        size = heard.body.count(b"word ")
    whole = size * 5 >= int(what.split()[-2]) * len(PIECE) and not heard.broken
    in_order = (heard.status == 200 and whole) if passes else (heard.status == 502 and TONGUES[0].told(502, heard.body))
    shown(
        "U5",
        what,
        f"{'passed on whole' if heard.status == 200 else f'status {heard.status}'}, {len(entries)} entry; "
        f"memory grew by {grown.bytes / MIB:.0f} MiB",
        target="at most 128 MiB",
        met=in_order and len(entries) == 1,
        bounded=grown.bytes <= 2 * LIMIT,
        grown_mib=round(grown.bytes / MIB, 1),
    )
