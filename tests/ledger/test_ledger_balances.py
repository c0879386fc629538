"""Which accounts can have been charged before they open, and which cannot."""

import pytest

from gateway.core.errors import Unavailable
from gateway.ledger import balances as balances_module
from gateway.ledger.balances import Balances

NOON = 1767268800.0  # 2026-01-01T12:00Z
BEFORE = "key:a/usd/day@2026-01-01T00:00:00+00:00"
AFTER = "key:a/usd/minute@2026-01-01T12:01:00+00:00"
LATER = "key:a/usd/minute@2026-01-01T12:02:00+00:00"
EAST = "key:a/usd/hour@2026-01-01T17:30:00+05:30"  # As old as this process.


class Ledger:
    def __init__(self):
        self.asked, self.down = [], False

    async def ask(self, accounts):
        if self.down:
            raise Unavailable("down")
        self.asked += accounts
        return dict.fromkeys(accounts, 7)


async def test_only_windows_that_began_before_are_asked_for():
    ledger = Ledger()
    balances = Balances(ledger.ask, NOON)
    calls = "key:a/concurrent/while running@always"
    assert await balances.of([BEFORE, AFTER, EAST, "all/usd/lifetime@always", calls]) == dict.fromkeys(
        [BEFORE, EAST, "all/usd/lifetime@always"], 7
    )
    assert await balances.of([LATER]) == {}
    assert ledger.asked == [BEFORE, EAST, "all/usd/lifetime@always"]


async def test_a_window_that_opens_again_is_asked_for():
    """Its account was forgotten and the clock set back, say: by now it may have been charged."""
    ledger = Ledger()
    balances = Balances(ledger.ask, NOON)
    await balances.of([AFTER])
    await balances.of([LATER])
    assert ledger.asked == []
    assert await balances.of([LATER, AFTER]) == {LATER: 7, AFTER: 7}
    other = AFTER.replace("key:a", "key:b")
    assert await balances.of([other]) == {}


async def test_however_many_names_are_invented_few_are_remembered_and_none_is_taken_for_new(monkeypatch):
    monkeypatch.setattr(balances_module, "LATEST_MAX", 10)
    ledger = Ledger()
    balances = Balances(ledger.ask, NOON)
    invented = [AFTER.replace("key:a", f"model:{n}") for n in range(100)]
    assert await balances.of(invented[:11]) == {}
    assert list(await balances.of([*invented[:11], AFTER])) == [*invented[:11], AFTER], "some may have been charged"
    assert await balances.of([LATER]) == {}, "which is newer than all"
    for name in invented:
        await balances.of([name])
        assert len(balances._latest) <= 10


@pytest.mark.parametrize("label", ["always", "rolling", "2026-01-01T12:05:00+00:00"])
async def test_what_has_no_windows_that_follow_each_other_is_asked_for(label):
    balances = Balances(Ledger().ask, NOON)
    for span in ("lifetime", "rolling 1h"):
        assert await balances.of([f"key:a/usd/{span}@{label}"])


async def test_while_the_ledger_is_down_calls_go_on_into_new_windows():
    ledger = Ledger()
    balances = Balances(ledger.ask, NOON)
    ledger.down = True
    assert await balances.of([AFTER]) == {}
    with pytest.raises(Unavailable):
        await balances.of([BEFORE])
