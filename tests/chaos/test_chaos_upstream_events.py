"""U4: streams whose end looks like one in order and is none, at every byte; and streams written as oddly as the format
allows. A caller never takes a part for the whole, and gets the very bytes that came."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hostile import says
from playing_provider import LAST, STREAM, chunk, head, playing
from road import road
from streamed import fault_in, offsets, plain
from tongues import TONGUES, Caller

pytestmark = pytest.mark.xdist_group("chaos-upstream")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  playing: {kind: sim, base_url: PLAY_URL/v1, prices: sim}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
limits: [{node: all, amount: 1000 usd, window: month}]
"""
MODEL = "playing/sim-small"
CLOSING = head(200, "text/event-stream")  # A body that ends with the connection.
GOOD_EVERY = 50  # So that no breaker opens: four dialects at once share one.
MEBIBYTE = 1 << 20
LONG = {  # Text of one event in each dialect; it has nothing in it that the event would say twice.
    "openai-chat": b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n',
    "openai-responses": b'event: response.output_text.delta\ndata: {"delta": "%b"}\n\n',
    "anthropic-messages": b'event: content_block_delta\ndata: {"type": "x", "delta": {"text": "%b"}}\n\n',
    "gemini": b'data: {"candidates": [{"content": {"parts": [{"text": "%b"}]}}]}\n\n',
}


@pytest.fixture(scope="module")
def stage():
    with playing() as found:
        yield found


@pytest.fixture(scope="module")
def way(stage, tmp_path_factory):
    with road(tmp_path_factory.mktemp("events"), CONFIG.replace("PLAY_URL", stage.url)) as found:
        yield found


@pytest.fixture(scope="module")
def streams(way):
    """What the simulator writes in each dialect, as a caller reads it."""
    with closing(Caller(way.url, way.first)) as caller:
        return {
            tongue.name: plain(caller.ask(tongue, "sim/sim-small", "Hi [[sim: tokens=3]]", stream=True).body)
            for tongue in TONGUES
        }


@pytest.fixture
def places(streams, dice, full):
    """Where to cut, or to split, the stream of each dialect."""
    return {name: offsets(len(stream), full, dice) for name, stream in streams.items()}


def written(stream, dice):
    """The same stream in other ways, by name."""
    lines = stream.split(b"\n")
    mixed = b"".join(line + dice.choice((b"\n", b"\r\n", b"\r")) for line in lines[:-1])
    if b"\r\n" not in mixed.replace(b"\r\n\r\n", b""):
        mixed = stream.replace(b"\n", b"\r\n", 1)
    events = stream.removesuffix(b"\n\n").split(b"\n\n")
    return {
        "LF": stream,
        "CRLF": stream.replace(b"\n", b"\r\n"),
        "CR": stream.replace(b"\n", b"\r"),
        "mixed": mixed,
        "BOM": b"\xef\xbb\xbf" + stream,
        "pings": b": ping\n\n" + b"\n\n: ping\n\n".join(events) + b"\n\n",
        "comments within": b"\n\n".join(b": so\n" + event for event in events) + b"\n\n",
        "no space": stream.replace(b"data: ", b"data:"),
        "more fields": stream.replace(b"data: ", b"id: 7\nretry: 10\ndata: "),
        "no empty line at the end": stream.removesuffix(b"\n"),
        "no line end at the end": stream.removesuffix(b"\n\n"),
        "empty lines": b"\n\n\n" + stream.replace(b"\n\n", b"\n\n\n\n"),
        "events after the end": stream + b": late\n\ndata: {}\n\n",
    }


def play(way, stage, tongue, *parts, then):
    """What a caller gets of it."""
    with closing(Caller(way.url, way.first)) as caller:
        return caller.ask(tongue, MODEL, stage.play(f"of {tongue.name}", says(*parts, then=then)), stream=True)


def in_each(work):
    """The same for each dialect, at once."""
    with ThreadPoolExecutor(len(TONGUES)) as pool:
        return list(pool.map(work, TONGUES))


def test_an_end_in_order_that_is_none(way, stage, streams, shown, places):
    """Cut at every byte, by a FIN after a body without a length, or by the last chunk of one that comes in chunks."""

    def cut(tongue):
        whole, faults = streams[tongue.name], []
        for number, place in enumerate(places[tongue.name]):
            if number % GOOD_EVERY == 0:
                assert play(way, stage, tongue, CLOSING, whole, then="close").body == whole
            for parts in ((CLOSING, whole[:place]), (STREAM, chunk(whole[:place]) if place else b"", LAST)):
                heard = play(way, stage, tongue, *parts, then="close" if parts[0] is CLOSING else "keep")
                fault = fault_in(tongue, whole, heard)
                faults += [f"{tongue.name} {place}: {fault}: {heard.body[-300:]!r}"] if fault else []
        return faults

    faults = [fault for found in in_each(cut) for fault in found]
    success = sum("synthetic" in fault for fault in faults)
    cuts = 2 * sum(map(len, places.values()))
    shown(
        "U4",
        "an end in order at every byte of a stream, 4 dialects",
        f"{success} synthetic successes and {len(faults) - success} other faults in {cuts} cuts",
        target="0, 0",
        met=not faults,
        faults=faults[:10],
    )
    assert {line["outcome"] for line in way.entries()} <= {"ok", "cut"}


def test_however_it_is_written(way, stage, streams, shown, dice):
    """What came is what is passed on; and without its last event no way of writing makes it whole."""

    def ask(tongue):
        found = []
        for name, stream in written(streams[tongue.name], dice).items():
            heard = play(way, stage, tongue, CLOSING, stream, then="close")
            found += [f"{tongue.name}, {name}: other bytes"] if heard.body != stream or heard.broken else []
            cut = stream[: re.search(re.escape(tongue.last), stream).start()]
            cut = cut[: max(cut.rfind(b"data:"), cut.rfind(b"event:")) if tongue.name != "openai-chat" else -1]
            heard = play(way, stage, tongue, CLOSING, cut, then="close")
            found += [] if tongue.told_in_stream(heard.body) else [f"{tongue.name}, {name}: synthetic success"]
        return found

    faults = [fault for found in in_each(ask) for fault in found]
    ways = len(written(b"", dice)) * len(TONGUES)
    shown(
        "U4",
        "CR, LF, CRLF, BOM, pings, no space, no empty line, events after the end",
        f"{len(faults)} of {ways} streams passed on with other bytes, or taken for whole when cut",
        target="0",
        met=not faults,
        faults=faults,
    )


def test_split_at_every_byte(way, stage, streams, shown, places):
    def split(tongue):
        whole, faults = streams[tongue.name].replace(b"\n", b"\r\n"), []
        for place in places[tongue.name]:
            first, second = (chunk(part) if part else b"" for part in (whole[:place], whole[place:]))
            heard = play(way, stage, tongue, STREAM, first, 0.002, second, LAST, then="keep")
            faults += [f"{tongue.name} {place}"] if heard.body != whole else []
        single = [part for byte in whole for part in (chunk(bytes([byte])), 0.0)]
        return faults + (
            ["by bytes"] if play(way, stage, tongue, STREAM, *single, LAST, then="keep").body != whole else []
        )

    faults = [fault for found in in_each(split) for fault in found]
    shown(
        "U4",
        "a stream in two pieces, split at every byte, and in pieces of one byte",
        f"{len(faults)} of {sum(map(len, places.values())) + len(TONGUES)} with other bytes",
        target="0",
        met=not faults,
        faults=faults[:10],
    )


def test_an_event_of_a_mebibyte(way, stage, streams, shown):
    """Whole, it passes; broken off within, it is followed by an error that stands for itself."""

    def ask(tongue):
        found, stream = [], streams[tongue.name]
        for size in (MEBIBYTE - 200, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE):
            event = LONG[tongue.name] % (b"long " * (size // 5))
            heard = play(way, stage, tongue, CLOSING, event + stream, then="close")
            found += [f"{tongue.name} {size}: other bytes"] if heard.body != event + stream else []
            for then, parts in (("close", (CLOSING, event[:-9])), ("reset", (STREAM, chunk(event[:-9]), 0.2))):
                heard = play(way, stage, tongue, *parts, then=then)
                told = tongue.told_in_stream(heard.body) and not heard.broken
                found += [] if told else [f"{tongue.name} {size}: cut by a {then}: {heard.body[-300:]!r}"]
        return found

    faults = [fault for found in in_each(ask) for fault in found]
    shown(
        "U4",
        "events of 1 to 3 MiB, whole and cut",
        f"{len(faults)} of {len(TONGUES) * 12} with other bytes or without an error",
        target="0",
        met=not faults,
        faults=faults[:10],
    )
