"""U2: a provider that hangs, in every way and in every phase of a call. It is left at the time that was configured,
and the caller hears so in its own dialect."""

import socket
import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from hostile import says
from playing_provider import STREAM, chunk, head, playing
from road import eventually, road
from tongues import TONGUES, Caller

pytestmark = pytest.mark.xdist_group("chaos-upstream")

CONNECT_S, FIRST_BYTE_S, IDLE_S, TOTAL_S = 1.0, 1.2, 0.8, 2.4
CONFIG = f"""
providers:
  sim: {{base_url: SIM_URL/v1}}
  playing: {{kind: sim, base_url: PLAY_URL/v1, prices: sim}}
  full: {{kind: sim, base_url: "http://127.0.0.1:FULL_PORT/v1", prices: sim}}
timeouts: {{connect: {CONNECT_S}s, first_byte: {FIRST_BYTE_S}s, idle: {IDLE_S}s, total: {TOTAL_S}s}}
routing: {{retry: {{rounds: 0}}, breaker: {{failures: 1000}}}}
limits: [{{node: all, amount: 1000 usd, window: month}}]
"""
DRIP_S = 0.25
DRIPS = [part for _ in range(40) for part in (b" ", DRIP_S)]
CHUNKS = [part for _ in range(40) for part in (chunk(b": ping\n\n"), DRIP_S)]
SLOW_HEAD = [part for byte in head() for part in (bytes([byte]), DRIP_S)]
JSON = head(200, "application/json", "Content-Length: 1000")
HANGS = {  # What is played, and after how long a whole answer and a stream are given up. None: not of that kind.
    "accepts and never writes": ((), TOTAL_S, FIRST_BYTE_S),
    "a head, byte by byte": (SLOW_HEAD, TOTAL_S, FIRST_BYTE_S),
    "a head, then silence": ((JSON,), IDLE_S, None),
    "a stream's head, then silence": ((STREAM,), None, IDLE_S),
    "half an answer, then silence": ((JSON, b'{"choices": ['), IDLE_S, None),
    "half a stream, then silence": ((STREAM, chunk(b'data: {"choi')), None, IDLE_S),
    "an answer, byte by byte": ((JSON, *DRIPS), TOTAL_S, None),
    "pings for ever": ((STREAM, *CHUNKS), None, TOTAL_S),
}


@pytest.fixture(scope="module")
def stage():
    with playing() as found:
        yield found


@contextmanager
def nobody_accepts():
    """A port whose queue is full: connecting takes for ever."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        try:
            for other in others:
                other.setblocking(False)
                other.connect_ex(full.getsockname())
            yield full.getsockname()[1]
        finally:
            for other in others:
                other.close()


@pytest.fixture(scope="module")
def way(stage, tmp_path_factory):
    with nobody_accepts() as port:
        config = CONFIG.replace("PLAY_URL", stage.url).replace("FULL_PORT", str(port))
        with road(tmp_path_factory.mktemp("hanging"), config) as found:
            with closing(Caller(found.url, found.first)) as caller:  # It loads what it needs.
                eventually(lambda: caller.ask(TONGUES[0], "sim/sim-small", "Hi").status == 200)
            yield found


def timed(way, tongue, model, text, stream):
    """One call; what is wrong with how it was told, and how long it took."""
    with closing(Caller(way.url, way.first)) as caller:
        heard = caller.ask(tongue, model, text, stream=stream)
        status = 502 if model.startswith("full") else 504
        if heard.status == 200:
            right = stream and tongue.told_in_stream(heard.body) and not heard.broken
        else:
            right = heard.status == status and tongue.told(status, heard.body)
        return None if right else f"{tongue.name} {text} {stream} {heard.status} {heard.body[:200]!r}", heard.seconds


def test_hanging(way, stage, shown, dice, full):
    tries, asked = (5 if full else 3), [("full/sim-small", "never connected", s, CONNECT_S) for s in (False, True)]
    for name, (parts, whole, stream) in HANGS.items():
        text = stage.play(name, says(*parts, then="silence"))
        asked += [("playing/sim-small", text, s, due) for s, due in ((False, whole), (True, stream)) if due is not None]
    tongues = TONGUES if full else dice.sample(TONGUES, 2)
    calls = [(tongue, model, text, stream) for model, text, stream, _ in asked for tongue in tongues]
    wrong, took = [], {(text, stream): [] for _, text, stream, _ in asked}
    with ThreadPoolExecutor(len(calls)) as pool:
        for _ in range(tries):
            for (_, _, text, stream), (why, seconds) in zip(
                calls, pool.map(lambda c: timed(way, *c), calls), strict=True
            ):
                wrong += [why] if why else []
                took[text, stream].append(seconds)
    off = {
        f"{text}, {'streamed' if stream else 'whole'}": round(statistics.median(took[text, stream]) / due - 1, 3)
        for _, text, stream, due in asked
    }
    worst = max(off.values(), key=abs)
    shown(
        "U2",
        "connect, first byte, idle and total, in ten ways, 4 dialects",
        f"aborted within {worst:+.1%} of the configured time (medians, the worst way), {len(wrong)} told wrongly",
        target="within 10 %, in the dialect",
        met=not wrong,
        bounded=abs(worst) <= 0.1,
        off=off,
        wrong=wrong[:10],
        calls=len(calls) * tries,
    )
    lines = way.entries()
    assert all(line["cost_status"] == "uncertain" for line in lines if line["outcome"] == "failed")
    with closing(Caller(way.url, way.first)) as caller:
        assert not caller.held()
