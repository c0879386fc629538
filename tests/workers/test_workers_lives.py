"""Workers that die, a supervisor that dies, and ends in order: no call unbooked, no process left behind."""

import asyncio
import os
import signal
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import harness
import pytest
from crowd import Answers, chat, crowd
from road import PROVIDERS, assert_in_order, billed, entries, eventually, road, spent

TWO = f"server: {{workers: 2}}\n{PROVIDERS}"
LIMITED = f"{TWO}limits:\n  - {{node: all, amount: 1 usd, window: lifetime}}\n"


def children(pid):
    """The processes that a process has started, and that still run."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in listed.stdout.split() if alive(int(child))]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def workers(way):
    return children(way.gate.process.pid)


async def test_a_killed_worker_is_started_again_and_nothing_is_booked_too_low(tmp_path):
    with road(tmp_path, LIMITED, "--first-token-ms", "50") as way:
        before = workers(way)
        assert len(before) == 2
        answers = Answers()
        rush = asyncio.create_task(crowd(way, way.first, callers=24, calls=400, body=chat(), answers=answers))
        while answers.statuses[200] < 80:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
        os.kill(before[0], signal.SIGKILL)
        await rush
        assert set(answers.statuses) == {200}
        assert 0 < answers.lost <= 24, "those of the dead worker, and no others"
        eventually(lambda: way.metric("fareway_workers") == 2 and len(workers(way)) == 2)
        assert before[1] in workers(way)
        assert "worker 1" in way.gate.stderr
        assert "SIGKILL" in way.gate.stderr
        booked = way.entries()
        assert spent(booked) >= billed(way.bill())
        assert {line["gateway_request_id"] for line in way.bill()} <= {line["request_id"] for line in booked}
        assert Counter(line["outcome"] for line in booked)["unresolved"] <= 24
        later = await crowd(way, way.first, callers=8, calls=40, body=chat())
        assert later.statuses == {200: 40}


def test_no_worker_outlives_its_supervisor(tmp_path):
    with harness_gateway(tmp_path) as gate:
        family = children(gate.process.pid)
        assert len(family) == 3, "two workers, and one simulator for both"
        gate.kill()
        eventually(lambda: not any(alive(pid) for pid in family))
        again = harness.gateway(tmp_path, None, "--workers", "2")
        assert again.stop() == 0


@pytest.mark.parametrize("times", [1, 2])
async def test_told_to_stop_every_call_ends_and_so_does_everybody(tmp_path, times):
    with road(tmp_path, TWO, "--first-token-ms", "700") as way:
        family = workers(way)
        rush = asyncio.create_task(crowd(way, way.first, callers=16, calls=16, body=chat()))
        eventually_busy = asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 16)
        await eventually_busy
        for _ in range(times):
            way.gate.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.05)
        answers = await rush
        assert answers.statuses == {200: 16}
        assert await asyncio.to_thread(way.gate.process.wait, 30) == 0
        assert not any(alive(pid) for pid in family)
        assert [line["outcome"] for line in entries(way.gate.home)] == ["ok"] * 16
        assert not list((way.gate.home / "journal").rglob("*.journal"))


def test_workers_that_cannot_start_are_an_error_that_says_why(tmp_path):
    with harness_gateway(tmp_path / "one") as gate:
        port = gate.url.rpartition(":")[2]
        with pytest.raises(AssertionError, match="ended with 1") as failure:
            harness.gateway(tmp_path / "two", None, "--workers", "2", "--port", port)
        assert "cannot start" in str(failure.value)
        with pytest.raises(AssertionError, match="another gateway is running"):
            harness.gateway(tmp_path / "one", None)


class harness_gateway(closing):  # noqa: N801 - reads as a call
    """A gateway of two workers with its own simulator."""

    def __init__(self, home):
        super().__init__(harness.gateway(home, None, "--workers", "2"))

    def __exit__(self, *exc):
        if self.thing.process.poll() is None:
            assert self.thing.stop() == 0
            assert_in_order(self.thing.stderr)
