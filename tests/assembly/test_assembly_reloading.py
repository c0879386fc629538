"""Taking over a changed configuration: what nobody foresaw in it changes nothing, and ends nothing."""

import asyncio
import logging
import time

import pytest

from gateway.assembly.reloading import Reloading
from gateway.config.load import load
from gateway.config.takeover import Source
from gateway.telemetry.metrics import Metrics

SECRET = "sk-hush-hush"


def _unforeseen():
    raise ValueError(SECRET)


class Counted(Metrics):
    """Says when a reload is over, and what came of it."""

    def __init__(self):
        super().__init__()
        self.came = asyncio.Queue()

    def count(self, name, *labels, **more):
        super().count(name, *labels, **more)
        self.came.put_nowait(labels)


@pytest.mark.parametrize("place", ["reading", "taking"])
async def test_what_nobody_foresaw_is_told_without_a_secret_and_the_next_file_is_read(tmp_path, caplog, place):
    good = load(None, {"FAREWAY_HOME": str(tmp_path)})
    fails = {place}

    def read():
        if "reading" in fails:
            _unforeseen()
        return good

    def take(_):
        if "taking" in fails:
            _unforeseen()

    wanted, metrics = asyncio.Event(), Counted()
    reloading = Reloading(Source(good, read), take, wanted, metrics, time.time, told=True)
    with caplog.at_level(logging.INFO, "fareway.config"):
        running = asyncio.create_task(reloading.run())
        came = []
        for _ in range(2):
            wanted.set()
            came += await metrics.came.get()
            fails.clear()
        running.cancel()
    assert came == ["invalid", "taken"]
    assert "stays as it was: ValueError at" in caplog.text
    assert SECRET not in caplog.text
