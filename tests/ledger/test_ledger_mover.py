"""From the journal into the ledger: nothing is lost or doubled on the way, and every difference is seen."""

import asyncio
import os
import random
from itertools import count
from types import SimpleNamespace

import pytest
from entries import entry, held, ids
from journals import on_disk
from ledgers import balances
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Limit, Span, Unit
from gateway.ledger import journal as journals
from gateway.ledger import mover as movers
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.mover import Mover
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases

NOW = 1_800_000_000.0


def account(name, spent):
    return SimpleNamespace(booked={name: spent})


class Books:
    """A journal, a ledger, and what moves between them."""

    def __init__(self, folder, kept):
        self.kept = kept
        self.journal = Journal(folder / "journal", SYNC_NEVER)
        self.ledger = kept.open()
        self.mover = Mover(self.journal, self.ledger)

    def die(self):
        """As SIGKILL does, as far as the journal is concerned."""
        for handle in (self.journal._file, self.journal._lock, *self.journal._left):
            os.close(handle)
        self.ledger.close()

    def close(self):
        self.journal.close()
        self.ledger.close()


@pytest.fixture
def books(tmp_path, kept):
    found = Books(tmp_path, kept)
    yield found
    found.close()


async def test_what_is_settled_is_moved_once(books):
    books.journal.settle(entry("a", ("x", 5)))
    await books.mover.move()
    await books.mover.move()
    assert books.journal.settled == []
    assert balances(books.kept) == {"x": 5}


async def test_more_than_a_batch_is_moved_in_order_and_by_whoever_comes(books, monkeypatch):
    monkeypatch.setattr(movers, "BATCH", 7)
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 3000)
    for number in range(50):
        books.journal.settle(entry(f"{number}", ("x", 1)))
    await on_disk(books.journal)
    retired = list(books.journal.retired)
    assert retired
    await asyncio.gather(*(books.mover.move() for _ in range(3)))
    assert books.journal.settled == []
    assert not any(path.exists() for path in retired)
    assert balances(books.kept) == {"x": 50}


async def test_a_balance_has_what_is_on_its_way(books):
    books.journal.settle(entry("a", ("x", 5), ("y", 1)))
    await books.mover.move()
    books.journal.settle(entry("b", ("x", 7), ("z", 2)))
    assert await books.mover.balances(["x", "z", "nothing"]) == {"x": 12, "z": 2}


async def test_what_an_earlier_process_left_is_booked_once_however_often_it_dies(tmp_path, kept):
    first = Books(tmp_path, kept)
    await first.journal.open(held("open", ("x", 100)))
    first.journal.settle(entry("done", ("x", 5)))
    first.journal.settle(entry("moved", ("x", 7)))
    await first.mover.move()
    first.journal.settle(entry("later", ("x", 11)))
    first.die()
    second = Books(tmp_path, kept)
    await second.ledger.record(second.journal.recover().unresolved)  # It books, and dies before it forgets.
    second.die()
    third = Books(tmp_path, kept)
    assert await third.mover.recover() == (3, 1)
    assert balances(kept) == {"x": 123}
    assert await third.mover.recover() == (0, 0)
    third.close()
    assert not list((tmp_path / "journal").glob("*.journal"))


async def test_a_ledger_that_does_not_answer_at_the_start_costs_no_file(tmp_path, kept):
    first = Books(tmp_path, kept)
    first.journal.settle(entry("a", ("x", 5)))
    first.die()
    second = Books(tmp_path, kept)
    with kept.locked(), pytest.raises(Unavailable):
        await second.mover.recover()
    assert await second.mover.recover() == (1, 0)
    assert balances(kept) == {"x": 5}
    second.close()


async def test_damage_is_told_and_costs_only_its_line(tmp_path, kept, caplog):
    first = Books(tmp_path, kept)
    first.journal.settle(entry("a", ("x", 5)))
    first.journal.settle(entry("b", ("x", 7)))
    first.die()
    (path,) = (tmp_path / "journal").glob("*.journal")
    path.write_bytes(path.read_bytes()[:-3])
    second = Books(tmp_path, kept)
    assert await second.mover.recover() == (1, 0)
    assert "1 damaged" in caplog.text
    assert balances(kept) == {"x": 5}
    second.close()


async def test_a_locked_ledger_is_tried_again_and_again(books, monkeypatch, caplog):
    """The journal keeps everything, and its files, until then."""
    monkeypatch.setattr(movers, "MOVE_EVERY_S", 0.01)
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 1000)
    task = asyncio.create_task(books.mover.run())
    await books.mover.move()
    with books.kept.locked():
        for number in range(10):
            books.journal.settle(entry(f"{number}", ("x", 1)))
        await on_disk(books.journal)
        retired = list(books.journal.retired)
        while "Entries wait in the journal" not in caplog.text:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert retired
        assert all(path.exists() for path in retired)
        assert len(books.journal.settled) == 10
        assert not task.done()
    while books.journal.settled:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.01)
    await books.mover.move()
    assert balances(books.kept) == {"x": 10}
    assert books.journal.settled == []
    assert not any(path.exists() for path in retired)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_request_is_found_wherever_its_entries_are(books):
    books.journal.settle(entry("r.1", ("x", 1)))
    await books.mover.move()
    books.journal.settle(entry("r.2", ("x", 2)))
    books.journal.settle(entry("s.1"))
    assert ids(await books.mover.find("r")) == ["r.1", "r.2"]
    books.journal.settle(entry("r.1", ("x", 1)))
    assert ids(await books.mover.find("r")) == ["r.1", "r.2"], "one in both is one"


async def test_a_call_is_found_by_its_answer_wherever_its_entry_is(books):
    books.journal.settle(entry("r.1", answer_id="msg_1"))
    books.journal.settle(entry("s.1"))
    assert ids(await books.mover.find("msg_1")) == ["r.1"]
    await books.mover.move()
    assert ids(await books.mover.find("msg_1")) == ["r.1"]
    assert await books.mover.find("") == [], "most entries have no name for their answer"


async def test_books_that_agree_have_no_drift(books):
    books.journal.settle(entry("a", ("x", 5), ("y", 1)))
    await books.mover.move()
    books.journal.settle(entry("b", ("x", 2)))
    assert await books.mover.audit([account("x", 7), account("y", 1), account("z", 0)]) == 0


@pytest.mark.parametrize("says", [(6, 1), (8, 1), (7, 0), (6, 2)])
async def test_any_difference_is_drift_and_differences_do_not_cancel(books, says, caplog):
    books.journal.settle(entry("a", ("x", 7), ("y", 1)))
    x, y = says
    assert await books.mover.audit([account("x", x), account("y", y)]) == abs(x - 7) + abs(y - 1)
    assert books.mover.drift == abs(x - 7) + abs(y - 1)
    assert "disagree" in caplog.text
    assert await books.mover.audit([account("x", 7), account("y", 1)]) == 0
    assert books.mover.drift == 0


async def test_a_balance_that_was_tampered_with_is_seen(books):
    books.journal.settle(entry("a", ("x", 7)))
    await books.mover.move()
    books.kept.change("UPDATE balances SET spent = 3")
    assert await books.mover.audit([account("x", 7)]) == 4


async def test_no_drift_while_hundreds_settle_move_and_audit_at_once(books, monkeypatch):
    """Real limits and accounts, real files: whenever the audit looks, all books agree."""
    monkeypatch.setattr(journals, "SEGMENT_BYTES", 20_000)
    limits = [
        Limit("all", Unit.USD, 10**15, Span.MONTH),
        Limit("key:*", Unit.TOKENS, 10**12, Span.DAY),
        Limit("team:b", Unit.REQUESTS, 150, Span.DAY),
        Limit("all", Unit.CONCURRENT, 60, Span.RUNNING),
        Limit("all", Unit.USD, 10**15, Span.ROLLING, rolling_s=600),
    ]
    now = count(NOW, 0.005)  # Some buckets go by.
    leases = Leases(MemoryStore(), "replica", books.ledger.balances, lambda: NOW)
    chain = Limits(limits, leases, lambda: next(now))
    chance = random.Random(7)
    settled = 0

    async def call(number):
        nonlocal settled
        caller = Caller(f"k{number % 5}", team="ab"[number % 2])
        try:
            hold = await chain.hold(caller, Fare(nanos=1000, output_tokens=100))
        except LimitReached:
            return
        name = f"r{number}.1"
        await books.journal.open(held(name, *hold.charges_for(hold.fare)))
        await asyncio.sleep(chance.random() / 50)
        if chance.random() < 0.2:
            hold.void()
            books.journal.void(held(name))
            return
        charges = hold.settle(Fare(nanos=chance.randrange(2000), output_tokens=chance.randrange(300), concurrent=0))
        books.journal.settle(entry(name, *charges))
        settled += 1

    async def often(what):
        while True:
            await what()
            await asyncio.sleep(0)

    async def audit():
        assert await books.mover.audit(leases.accounts) == 0

    background = [asyncio.create_task(often(what)) for what in (books.mover.move, audit, lambda: leases.sync(NOW))]
    for batch in range(10):
        await asyncio.gather(*(call(batch * 80 + number) for number in range(80)))
    assert not any(task.done() for task in background), "the audit has found something"
    for task in background:
        task.cancel()
    await asyncio.gather(*background, return_exceptions=True)
    await books.mover.move()
    assert await books.mover.audit(leases.accounts) == 0
    assert settled > 200
    assert all(account.held == 0 for account in leases.accounts)
    booked = {name: spent for account in leases.accounts for name, spent in account.booked.items() if spent}
    assert booked == balances(books.kept)
    assert len([name for name in booked if "rolling 10m@" in name]) > 1
