"""Reports of the dashboard take long, and keep nobody waiting but those who want others."""

import asyncio
import threading
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from gateway.core.caller import Key
from gateway.core.errors import NotFound, Overloaded
from gateway.front.reports import READ_AT_ONCE
from gateway.front.self_service import ASKED_MAX, SelfService


class Ledger:
    """One that is read slowly."""

    def __init__(self):
        self.go_on, self.readers, self.most = threading.Event(), 0, 0
        self._lock = threading.Lock()

    @contextmanager
    def reading(self):
        with self._lock:
            self.readers += 1
            self.most = max(self.most, self.readers)
        self.go_on.wait(20)
        with self._lock:
            self.readers -= 1
        yield SimpleNamespace(usage=lambda *_: [], newest=lambda *_: [])


async def asked(service, name="usage", key="k"):
    """What one who asks for a report is told."""
    told = []

    async def respond(status, _, body):
        told.append((status, body))

    await service.report(SimpleNamespace(query="", respond=respond), name, Key(key, b""))
    return told[0]


async def test_one_key_has_its_share_of_those_who_read():
    ledger = Ledger()
    service = SelfService(None, ledger.reading, lambda: 1e9)
    waiting = [asyncio.create_task(asked(service)) for _ in range(ASKED_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await asked(service)
    waiting.append(asyncio.create_task(asked(service, "requests", "another")))
    async with asyncio.timeout(10):
        await asyncio.to_thread(int)  # Threads that others need are free.
    ledger.go_on.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * (ASKED_MAX + 1)
    assert ledger.most <= READ_AT_ONCE // 2
    assert service.asked == Counter()


async def test_what_is_no_report_takes_no_place():
    service = SelfService(None, Ledger().reading, lambda: 1e9)
    with pytest.raises(NotFound):
        await asked(service, "secrets")
    assert service.asked == Counter()
