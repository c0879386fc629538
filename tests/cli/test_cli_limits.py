"""`fareway limits resolve`: nothing that a gateway spent, or may have spent, is free again because it is gone."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from ledger.entries import held
from ledger.journals import die
from stores.redis_server import BINARY, RedisServer

from gateway.assembly.stores import shared_leases
from gateway.cli import limits
from gateway.cli.main import main
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.sqlite import SqliteLedger
from gateway.stores.base import Ask

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")

MONEY = "all/usd/lifetime@always"
CALLS = "all/concurrent/while running@always"
LAST_WORDS = (Ask(MONEY, 100, 10, 60, 50, keep=60), Ask(CALLS, 8, 0, 3, 3, keep=3))


@dataclass
class Gone:
    """What is left of a gateway with two workers, and the store that others share with it."""

    store: RedisServer
    home: Path

    def told(self, replica):
        """The replica has told this, and died."""

        async def tell():
            async with shared_leases(self.store.patient_url) as store:
                await store.exchange(replica, LAST_WORDS)
                await store.wanted(replica)

        asyncio.run(tell())

    def under_way(self, replica, folder, amount):
        """This call was, when it died."""
        journal = Journal(self.home / folder, SYNC_NEVER)
        asyncio.run(journal.open(held("r.1", (MONEY, amount), replica=replica)))
        die(journal)

    def standing(self, replica, record=MONEY):
        async def look():
            async with shared_leases(self.store.patient_url) as store:
                return (await store.standings(replica))[record]

        found = asyncio.run(look())
        return found.spent, found.leased, found.held

    def resolve(self, *more):
        return main(["limits", "resolve", "--config", str(self.home.parent / "fareway.yaml"), *more])


@pytest.fixture
def gone(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SILENT_S_MIN", 0)
    server = RedisServer(tmp_path / "redis").start()
    (tmp_path / "fareway.yaml").write_text(
        f"home: {tmp_path / 'here'}\nstate: {server.patient_url}\npepper: p\nproviders: {{}}\n"
    )
    home = tmp_path / "old"
    home.mkdir()
    (home / "replica").write_text("abc")
    SqliteLedger(home / "ledger.db", None).close()
    yield Gone(server, home)
    server.kill()


@pytest.mark.parametrize(("replica", "folder"), [("abc", "journal"), ("abc.2", "journal/worker-2")])
def test_what_a_worker_held_is_booked_from_its_own_journal(gone, replica, folder):
    gone.told(replica)
    gone.under_way(replica, folder, 45)
    assert gone.resolve(replica, "--home", str(gone.home)) == 0
    assert gone.standing(replica) == (45, 45, 0)
    with closing(SqliteLedger(gone.home / "ledger.db", replica)) as ledger:
        assert asyncio.run(ledger.balances([MONEY])) == {MONEY: 45}


def test_what_was_held_counts_where_the_journal_tells_of_no_call(gone):
    gone.told("abc.2")
    (gone.home / "journal/worker-2").mkdir(parents=True)
    assert gone.resolve("abc.2", "--home", str(gone.home)) == 0
    assert gone.standing("abc.2") == (60, 60, 0)


@pytest.mark.parametrize("more", [False, True])
def test_calls_under_way_are_over(gone, more):
    """They count nowhere any more as calls."""
    gone.told("abc.2")
    (gone.home / "journal/worker-2").mkdir(parents=True)
    assert gone.resolve("abc.2", *(["--home", str(gone.home)] if more else [])) == 0
    assert gone.standing("abc.2", CALLS) == (0, 0, 0)
    assert gone.standing("abc.2") == (60, 60, 0)


@pytest.mark.parametrize("lacking", ["journal/worker-2", "ledger.db", "replica", "its name"])
def test_a_home_without_its_books_frees_nothing_and_gets_none(gone, lacking, capsys):
    gone.told("abc.2")
    gone.under_way("abc.2", "journal/worker-1" if lacking.startswith("journal") else "journal/worker-2", 45)
    if lacking in ("ledger.db", "replica"):
        (gone.home / lacking).unlink()
    if lacking == "its name":
        (gone.home / "replica").write_text("xyz")
    before = sorted(gone.home.rglob("*"))
    assert gone.resolve("abc.2", "--home", str(gone.home)) != 0
    assert "cannot be read" in capsys.readouterr().err
    assert gone.standing("abc.2") == (10, 60, 50)
    assert sorted(gone.home.rglob("*")) == before
