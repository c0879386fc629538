"""Replicas wait for each other by the clock: in these tests it jumps."""

import asyncio

from virtual import VirtualLoop


def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualLoop} if item.path.name == "test_limit_recall.py" else {"real": asyncio.new_event_loop}
