"""What a gateway does beside its calls."""

import asyncio

from gateway import background
from gateway.core.errors import Unavailable


class Kept:
    """What keeps things for a while, and may be away."""

    def __init__(self, away=False):
        self.away, self.asked, self.swept = away, asyncio.Event(), []

    async def sweep(self, *before):
        self.asked.set()
        if self.away:
            raise Unavailable("It does not answer.")
        self.swept += before


async def test_what_is_away_keeps_no_other_from_forgetting(monkeypatch):
    monkeypatch.setattr(background, "SWEEP_EVERY_S", 0)
    claims, ledger, store = Kept(away=True), Kept(away=True), Kept()
    sweeping = asyncio.create_task(background.sweep(claims, lambda: background.KEPT_S + 1.0, ledger, store))
    await store.asked.wait()
    sweeping.cancel()
    assert claims.asked.is_set()
    assert ledger.asked.is_set()
    assert store.swept == [1.0]
