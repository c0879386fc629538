"""Any sequence of operations, on three stores at once and a model: the same answers, and never more than the limit."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from memory_store import MemoryStore
from stores.redis_server import RedisServer

from gateway.stores import redis_leases
from gateway.stores.base import Ask
from gateway.stores.redis_leases import RedisStore
from gateway.stores.sqlite import SqliteStore

NAMES = "abc"
names, kinds = st.sampled_from(NAMES), st.sampled_from(["all/usd/second", "team:t/tokens/lifetime"])
amounts = st.integers(0, 80)
servers: list[RedisServer] = []


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    servers.append(RedisServer(tmp_path_factory.mktemp("redis")).start())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redis_leases, "LEARN_MS", 0)
        yield
    servers.pop().kill()


@dataclass
class Held:
    """What one replica knows of one record. It never holds more than it has leased."""

    leased: int = 0
    spent: int = 0
    holds: list[int] = field(default_factory=list)

    @property
    def needed(self) -> int:
        return self.spent + sum(self.holds)

    @property
    def available(self) -> int:
        return self.leased - self.needed


class Stores(RuleBasedStateMachine):
    """The model: for each replica and record what was leased, spent and held, and nothing else."""

    @initialize(limit=st.integers(0, 200))
    def start(self, limit):
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        servers[0].say("FLUSHALL")
        self.stores = [
            MemoryStore(exclusive=False),
            SqliteStore(Path(self.folder.name) / "state.db", exclusive=False),
            RedisStore(servers[0].patient_url),
        ]
        self.limit = limit
        self.known: dict[tuple[str, str], Held] = {}
        self.most: dict[str, int] = {}  # The largest limit that ever counted for a record.
        self.told: list[tuple[str, Ask]] = []
        self.window = self.turn = 0

    def teardown(self):
        if hasattr(self, "loop"):
            self.stores[1].close()
            self.loop.run_until_complete(self.stores[2].close())
            self.loop.close()
            self.folder.cleanup()

    def same(self, ask):
        """What all three stores answer."""

        async def everywhere():
            return [await ask(store) for store in self.stores]

        memory, sqlite, redis = self.loop.run_until_complete(everywhere())
        assert memory == sqlite == redis
        return memory

    def of(self, name, kind):
        """The record of the window that runs, and what a replica knows of it."""
        record = f"{kind}@{'always' if 'lifetime' in kind else f'2026-01-01T00:00:{self.window:02}+00:00'}"
        self.most[record] = max(self.limit, self.most.get(record, 0))
        return record, self.known.setdefault((name, record), Held())

    def tell(self, name, record, held, want, **more):
        self.turn += 1
        keep = max(held.leased, held.needed)
        ask = Ask(record, self.limit, held.spent, want, sum(held.holds), keep=keep, turn=self.turn, **more)
        self.told.append((name, ask))
        (word,) = self.same(lambda store: store.exchange(name, [ask]))
        assert word.spent == held.spent
        assert word.leased >= held.needed, "what is in use is not taken away"
        held.leased = min(word.leased, max(self.limit - word.others.leased, held.spent))
        together = [other for (whose, what), other in self.known.items() if what == record and whose != name]
        assert word.others.leased >= sum(other.needed for other in together)
        return word

    @rule(name=names, kind=kinds, more=amounts, ahead=amounts)
    def lease(self, name, kind, more, ahead):
        record, held = self.of(name, kind)
        want = max(held.leased, held.needed + more)
        word = self.tell(name, record, held, want, ahead=ahead)
        assert word.short == 0

    @rule(name=names, kind=kinds)
    def give_back(self, name, kind):
        record, held = self.of(name, kind)
        held.leased = min(held.leased, held.needed)
        assert self.tell(name, record, held, held.needed).leased == held.needed

    @rule(name=names, kind=kinds, lacking=st.integers(1, 80))
    def recall(self, name, kind, lacking):
        """Somebody is short: whoever can gives back, and then there is as much as there can be."""
        record, held = self.of(name, kind)
        want = held.needed + held.available * (held.available > 0) + lacking
        word = self.tell(name, record, held, want, least=held.needed + lacking)
        if not word.short:
            return
        for other in NAMES.replace(name, ""):
            if record in self.same(lambda store, other=other: store.wanted(other)):
                theirs = self.known[other, record]
                theirs.leased = min(theirs.leased, theirs.needed)
                self.tell(other, record, theirs, theirs.needed)
        word = self.tell(name, record, held, held.needed + lacking, least=held.needed + lacking)
        used = sum(other.needed for (_, what), other in self.known.items() if what == record)
        assert (word.short == 0) == (used + lacking <= self.limit)

    @precondition(lambda self: getattr(self, "told", None))
    @rule(data=st.data())
    def a_word_comes_again(self, data):
        """Late or twice: nothing changes, as the next words show."""
        name, ask = data.draw(st.sampled_from(self.told))
        self.same(lambda store: store.exchange(name, [ask]))

    @rule(name=names, kind=kinds, amount=amounts)
    def hold(self, name, kind, amount):
        record, held = self.of(name, kind)
        if amount <= held.available:
            held.holds.append(amount)
        used = sum(other.needed for (_, what), other in self.known.items() if what == record)
        assert used <= self.most[record]

    @rule(name=names, kind=kinds, more=amounts)
    def extend(self, name, kind, more):
        _, held = self.of(name, kind)
        if held.holds and more <= held.available:
            held.holds[-1] += more

    @rule(name=names, kind=kinds, share=st.integers(0, 4))
    def settle(self, name, kind, share):
        """At nothing, it is void."""
        _, held = self.of(name, kind)
        if held.holds:
            held.spent += held.holds.pop(0) * share // 4

    @rule(name=names)
    def die_and_resume(self, name):
        """What it held is booked in full; and one record it only knows from its ledger."""
        self.turn += 1 << 20
        mine = {record: held for (whose, record), held in self.known.items() if whose == name}
        for held in mine.values():
            held.spent, held.holds = held.needed, []
            held.leased = held.spent
        spent = {record: held.spent for record, held in mine.items()}
        self.same(lambda store: store.resume(name, spent, self.turn))

    @rule(limit=st.integers(0, 200))
    def change_the_limit(self, limit):
        self.limit = limit

    @precondition(lambda self: hasattr(self, "window") and self.window < 59)
    @rule()
    def roll_over(self):
        self.window += 1

    @rule(name=names)
    def look(self, name):
        wanted = self.same(lambda store: store.wanted(name))
        assert all(self.known[name, record] is not None for record in wanted)
        records = self.same(lambda store: _sorted(store.records(name)))
        assert set(records) <= {record for whose, record in self.known if whose == name}

    @invariant()
    def no_more_is_leased_than_ever_was_the_limit(self):
        for record, most in getattr(self, "most", {}).items():
            standings = self.stores[0].standings(record)
            assert sum(max(s.leased, s.spent) for s in standings.values()) <= most
            for name, standing in standings.items():
                assert standing.leased >= self.known[name, record].needed


async def _sorted(records):
    return sorted(await records)


TestStores = Stores.TestCase
TestStores.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
