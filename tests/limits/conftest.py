"""Replicas wait for each other by the clock: in these tests it jumps."""

import asyncio

from virtual import VirtualLoop

WAITING = {"test_limit_recall.py", "test_limit_rolling.py", "test_limit_line.py", "test_limit_correct.py"}


def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualLoop} if item.path.name in WAITING else {"real": asyncio.new_event_loop}
