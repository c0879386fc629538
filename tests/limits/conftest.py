"""Replicas wait for each other by the clock: in these tests it jumps."""

import asyncio

from virtual import VirtualLoop


def pytest_asyncio_loop_factories(config, item):
    virtual = item.path.name in ("test_limit_recall.py", "test_limit_rolling.py")
    return {"virtual": VirtualLoop} if virtual else {"real": asyncio.new_event_loop}
