"""A world with one gateway's books in it, where jobs are metered and the clock stands until it is moved."""

from __future__ import annotations

from pathlib import Path

from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.limit import Limit, Span, Unit
from gateway.core.money import Money
from gateway.directory.actor import Actor
from gateway.journey.books import Books
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.mover import Mover
from gateway.ledger.sqlite import SqliteLedger
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores.sqlite_registry import SqliteRegistry
from gateway.training.desk import Desk
from gateway.training.job import Job, State
from gateway.training.kept import Jobs
from gateway.training.metering import Metering

START_MS = 1_800_000_000_123
INTERVAL_MS, SILENT_MS = 60_000, 180_000
ANN = Caller(key_id="k", org="o", team="red")
ADMIN = Actor("admin", "api")
HOUR_PICOS = 2_470_000_000_000


def job(**more) -> Job:
    """Four GPUs at $2.47 an hour; an interval of a minute costs less than $0.17."""
    plain = {
        "id": "job_1", "model": "llama", "job_type": "finetune", "gpu_type": "H100", "gpus": 4, "rate": HOUR_PICOS,
        "rate_from": "spot", "interval_ms": INTERVAL_MS, "caller": ANN, "made": START_MS, "state": State.WAITING,
    }  # fmt: skip
    return Job(**plain | more)


def usd(dollars: str, node: str = "team:red") -> Limit:
    """A hard budget for the month."""
    return Limit(node, Unit.USD, Money.usd(dollars).picos // 1000, Span.MONTH)


class World:
    """`desk` takes what jobs say."""

    def __init__(self, home: Path, *limits: Limit, approve_above: Money | None = None) -> None:
        self.now_ms = START_MS
        self.home, self.rules, self.approve_above = home, limits, approve_above
        self.told: list = []
        self.ledger = SqliteLedger(home / "ledger.db")
        self._begin()

    def _clock(self) -> float:
        return self.now_ms / 1000

    def _begin(self) -> None:
        self.journal = Journal(self.home / "journal", SYNC_NEVER)
        self.mover = Mover(self.journal, self.ledger)
        self.leases = Leases(MemoryStore(), "r", self.mover.balances, self._clock)
        self.limits = Limits(self.rules, self.leases, self._clock)
        self.jobs = Jobs(SqliteRegistry(self.home / "state.db"), self._clock)
        books = Books(self.limits, self.journal, self._clock, lambda _: None, "r", alone=False)
        metering = Metering(
            limits=self.limits,
            journal=self.journal,
            mover=self.mover,
            jobs=self.jobs,
            clock=self._clock,
            replica="r",
            silent_ms=SILENT_MS,
            since=self.now_ms,
            ours=lambda replica: replica == "r",
            book=books.book,
            correct=books.correct,
            told=lambda one, entry: self.told.append((one, entry)),
        )
        self.desk = Desk(self.jobs, metering, self.approve_above, INTERVAL_MS)

    async def restart(self, *, killed: bool) -> None:
        """Another process takes over the home, after an orderly end or none."""
        if not killed:
            await self.desk.metering.close()
            await self.mover.move()
        self._let_go()
        self._begin()
        await self.mover.recover()

    def _let_go(self) -> None:
        self.journal.close()
        self.jobs.close()

    def close(self) -> None:
        """The end of the world."""
        self._let_go()
        self.ledger.close()

    async def look(self) -> None:
        """What happens every second."""
        for one in await self.jobs.unfinished():
            await self.desk.metering.look(one)

    async def entries(self, name: str = "job_1") -> list:
        """The ledger's entries of a job."""
        await self.mover.move()
        return await self.ledger.find(name)

    async def booked(self, name: str = "job_1") -> int:
        """What they come to, in pico-dollars."""
        return sum(entry.cost.known.picos for entry in await self.entries(name))

    async def drift(self) -> int:
        """What accounts and ledger disagree by."""
        await self.mover.move()
        return await self.mover.audit(self.leases.accounts)

    def account(self):
        """The first one."""
        return next(iter(self.leases.accounts))
