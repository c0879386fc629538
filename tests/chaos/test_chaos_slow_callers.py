"""C2: callers who take their time on purpose, thousands of them, while others go on."""

from __future__ import annotations

import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from edge import CALL, CONFIG, PATH, edge, head

SWEEP_S = 0.25
LATE_S = 2.0  # Of the machine, which others use as well.
HEADER_S, BODY_S = 10, 30  # As is the default.
HEALTHY = 100  # Calls in each stretch of time that is compared.
NEAR = 1.20
CROWD = 2000
CROWDS = Path(__file__).with_name("slow_crowd.py")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))  # For both sides of all of them.
    config = CONFIG.replace("header_timeout: 10s, body_timeout: 10s", "header_timeout: 10s, body_timeout: 30s")
    with edge(tmp_path_factory.mktemp("slow"), config) as found:
        yield found
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def healthy_p99_ms(gate) -> float:
    """Of good calls, one after the other."""
    where, took = urlsplit(gate.gate.url), []
    line = HTTPConnection(where.hostname, where.port, timeout=20)
    for _ in range(HEALTHY):
        began = time.perf_counter()
        line.request("POST", PATH, CALL, gate.bearer())
        answer = line.getresponse()
        answer.read()
        took.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200
    line.close()
    return statistics.quantiles(took, n=100)[98]


def beginnings(gate) -> dict[str, bytes]:
    """What a slow caller has sent when it falls silent, or goes on with a byte now and then."""
    return {
        "heads": f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-slow: ".encode(),
        "bodies": head("POST", PATH, gate.bearer() | {"Content-Length": "1000"}) + b'{"',
    }


@contextmanager
def crowd(gate, kind: str, size: int):
    """So many slow callers, in a process of their own, so that they take no time from who measures."""
    port = str(urlsplit(gate.gate.url).port)
    process = subprocess.Popen(
        [sys.executable, str(CROWDS), port, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdin.write(beginnings(gate)[kind])
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@pytest.mark.parametrize("kind", ["heads", "bodies"])
def test_others_do_not_notice(gate, full, shown, kind):
    """In turns, with and without; the best of each, for what else the machine does only adds."""
    size, alone, beside = CROWD if full else CROWD // 10, [], []
    healthy_p99_ms(gate)
    for _ in range(10 if full else 8):
        alone.append(healthy_p99_ms(gate))
        with crowd(gate, kind, size):
            beside.append(healthy_p99_ms(gate))
    ratio, halves = min(beside) / min(alone), (min(alone[::2]), min(alone[1::2]))
    how = f"{size:,} slow {kind} beside good calls, {len(alone)} times in turn"
    if max(halves) > NEAR * min(halves):  # Nothing can be told apart that differs by less than that.
        lacking = f"a quiet machine: p99 alone is {halves[0]:.1f} ms and {halves[1]:.1f} ms"
        shown.untried("C2", how, target="p99 within 20 %", lacking=lacking)
    shown(
        "C2",
        how,
        f"p99 x {ratio:.2f}, the best of each ({min(alone):.1f} ms alone)",
        target="p99 within 20 %",
        met=True,
        bounded=ratio <= NEAR,
        alone_ms=alone,
        beside_ms=beside,
    )


def cut_after_s(gate, kind: str, every_s: float, patience_s: float) -> list[float]:
    """When connections end that send a byte now and then, or none at all."""
    where, began = urlsplit(gate.gate.url), time.monotonic()
    lines = [socket.create_connection((where.hostname, where.port), timeout=20) for _ in range(20)]
    ends: dict[socket.socket, float] = {}
    for line in lines:
        line.sendall(beginnings(gate)[kind])
        line.settimeout(0)
    sent = time.monotonic()
    while len(ends) < len(lines) and time.monotonic() < began + patience_s:
        time.sleep(0.05)
        due = every_s and time.monotonic() > sent + every_s
        sent = time.monotonic() if due else sent
        for line in set(lines) - ends.keys():
            with suppress(BlockingIOError):
                try:
                    if due:
                        line.send(b"a")
                    line.recv(4096)
                except ConnectionError:
                    pass
                ends[line] = time.monotonic() - began
    for line in lines:
        line.close()
    return list(ends.values())


CUTS = {
    "heads that stall": ("heads", 0.0),
    "heads of a byte a second": ("heads", 1.0),
    "bodies that stall": ("bodies", 0.0),
}


@pytest.mark.parametrize("how", CUTS)
def test_who_is_too_slow_is_cut_off(gate, full, shown, how):
    kind, every_s = CUTS[how]
    within_s = HEADER_S if kind == "heads" else BODY_S
    if not full and kind == "bodies":
        pytest.skip("takes half a minute: in the full form")
    ends = cut_after_s(gate, kind, every_s, within_s + 10)
    shown(
        "C2",
        f"{how}: cut off",
        f"{len(ends)} of 20, the last after {max(ends):.1f} s",
        target=f"<= {within_s} s and the sweep",
        met=len(ends) == 20 and within_s - 1 < min(ends) and max(ends) <= within_s + SWEEP_S + LATE_S,
        ends=ends,
    )


@pytest.mark.parametrize(("mode", "kind"), [("-H", "heads"), ("-B", "bodies")])
def test_slowhttptest(gate, full, shown, mode, kind):
    """Its own word: whether the service was available all the time."""
    if shutil.which("slowhttptest") is None:
        shown.untried("C2", f"slowhttptest {mode}", target="available", lacking="slowhttptest is not installed")
    size, lasts_s = (CROWD, 40) if full else (CROWD // 10, 6)
    told = ["-c", str(size), "-r", str(size // 4), "-i", "2", "-l", str(lasts_s), "-p", "3", "-x", "24", "-s", "4096"]
    before = healthy_p99_ms(gate)
    attack = subprocess.Popen(
        ["slowhttptest", mode, *told, "-t", "POST", "-u", f"{gate.gate.url}{PATH}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    during = []
    try:
        while attack.poll() is None:
            during.append(healthy_p99_ms(gate))
    finally:
        attack.terminate()
        said = attack.communicate()[0]
    available, down = (len(re.findall(rf"service available:.*{word}", said)) for word in ("YES", "NO"))
    ratio = statistics.median(during) / statistics.mean([before, healthy_p99_ms(gate)])
    shown(
        "C2",
        f"slowhttptest {mode}: {size:,} slow {kind} for {lasts_s} s",
        f"{down} of {available + down} looks found it away, p99 x {ratio:.2f}",
        target="always available",
        met=available > 0 and down == 0,
        ratio=ratio,
    )
