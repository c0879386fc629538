"""B5: the gateway is killed at random moments under load, and its books never hold less than the provider charges."""

import asyncio
import json
import random
import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Decimal

import harness
import openai
import pytest
from road import PROVIDERS, Road, assert_in_order, billed, entries, eventually, said, spent

pytestmark = pytest.mark.xdist_group("crash")

SEED = random.SystemRandom().randrange(2**32)
ROUNDS = 12
CALLERS = 16
CONFIG = (
    PROVIDERS
    + """
limits:
  - {node: all, amount: 1000 usd, window: lifetime}
  - {node: "team:*", amount: 1000 usd, window: month}
  - {node: "team:*", amount: 100000000 tokens, window: lifetime}
"""
)


class Load:
    """Sixteen callers that go on until they are told to stop, whatever becomes of their calls."""

    def __init__(self, way, chance):
        self.way, self.chance, self.done, self.stopped = way, chance, Counter(), False

    async def run(self, kill_after_s):
        """Load the gateway, kill it after so long, and wait until every caller has noticed."""
        async with self.way.aclient(timeout=20) as client:
            callers = [asyncio.create_task(self._caller(client, number)) for number in range(CALLERS)]
            await asyncio.sleep(kill_after_s)
            self.way.gate.kill()
            self.stopped = True
            await asyncio.gather(*callers)

    async def _caller(self, client, number):
        chance = random.Random(self.chance.random())
        while not self.stopped:
            text = f"{number} [[sim: tokens={chance.randrange(5, 120)} tps={chance.choice([0, 100, 400])}]]"
            model = chance.choice(["sim-small", "sim-medium", "sim-large"])
            try:
                await self._call(client, model, text, stream=chance.random() < 0.6)
                self.done["whole"] += 1
            except openai.APIError:
                self.done["broken"] += 1

    async def _call(self, client, model, text, *, stream):
        answer = await client.chat.completions.create(model=model, messages=said(text), max_tokens=200, stream=stream)
        if stream:
            async with answer:
                async for _ in answer:
                    pass


@pytest.fixture
def way(tmp_path):
    sim = harness.simulator(tmp_path / "sim", "--first-token-ms", "5")
    config = CONFIG.replace("SIM_URL", sim.url)
    gate = harness.gateway(tmp_path / "gate", config)
    road = Road(sim, gate, *gate.tokens)
    road.config = config
    yield road
    road.gate.stop()
    sim.stop()


def restart(way):
    """The same home, a new process; it says what it found."""
    way.gate = harness.gateway(way.gate.home, way.config)
    assert_in_order(way.gate.stderr)
    return "From the journal of an earlier run" in way.gate.stderr


async def test_killed_at_random_moments(way, record_property):
    print(f"seed {SEED}")
    record_property("seed", SEED)
    chance, recovered, done = random.Random(SEED), 0, Counter()
    for _ in range(ROUNDS):
        load = Load(way, chance)
        await load.run(chance.uniform(0.15, 0.9))
        done += load.done
        recovered += restart(way)
    assert recovered >= ROUNDS - 1, "under this load a kill leaves something to recover"
    await asyncio.to_thread(settle, way)

    lines, bill = way.entries(), way.bill()
    assert len({line["id"] for line in lines}) == len(lines)
    over = check_each(lines, bill)
    assert spent(lines) >= billed(bill)
    assert spent(lines) - billed(bill) == sum(over, Decimal(0)), "over-counted through unresolved entries alone"
    check_accounts(way, lines)
    outcomes = Counter(line["outcome"] for line in lines)
    print(f"{dict(done)} calls for the callers, {dict(outcomes)} in the ledger, {len(bill)} on the bill")
    print(f"billed ${billed(bill)}, booked ${spent(lines)}: {spent(lines) / billed(bill) - 1:.2%} over")
    with way.client() as client:
        raw = client.chat.completions.with_raw_response.create(model="sim-small", messages=said("After all."))
    left = Decimal(raw.headers["x-fareway-budget-remaining-usd"])
    assert left == 1000 - spent(way.entries()), "the budget goes on where it was"


def settle(way):
    """The provider has noticed every caller that vanished."""
    counts = [-1]

    def still():
        counts.append(len(way.bill()))
        return counts[-1] == counts[-2] == counts[max(0, len(counts) - 20)]

    eventually(still)


def check_each(lines, bill):
    """Call by call: nothing missing, and what is too much is unresolved and within its hold. Returns what is."""
    charged = {charge["gateway_request_id"]: Decimal(charge["cost_usd"]) for charge in bill}
    assert len(charged) == len(bill)
    known = {line["request_id"]: line for line in lines}
    assert charged.keys() <= known.keys(), "a charge without an entry"
    over = []
    for request_id, line in known.items():
        surplus = spent([line]) - charged.get(request_id, Decimal(0))
        assert surplus >= 0, line
        if line["outcome"] == "unresolved":
            assert line["cost_picos"] <= line["entry"]["held_nanos"] * 1000
            over.append(surplus)
        else:
            assert surplus == 0, line
            assert line["outcome"] == "ok"
    return over


def check_accounts(way, lines):
    """Every balance is the sum of what its entries have charged to it."""
    sums = Counter()
    for line in lines:
        sums.update(line["charges"])
    assert way.balances() == sums
    (everything,) = [amount for name, amount in sums.items() if name.startswith("all/usd")]
    assert everything == sum(-(-line["cost_picos"] // 1000) for line in lines)


def test_a_torn_last_line_is_no_loss(way):
    """What a crash in the middle of a write leaves: the line is passed over, and everything before it counts."""
    with way.client() as client:
        for _ in range(5):
            client.chat.completions.create(model="sim-small", messages=said("Hi"))
    way.gate.kill()
    (journal,) = (way.gate.home / "journal").glob("*.journal")
    with journal.open("ab") as file:
        file.write(b'0badc0deO{"id":"req_torn.1","reque')
    restart(way)
    lines = way.entries()
    assert len(lines) == 5
    assert spent(lines) == billed(way.bill())
    assert "damaged" in way.gate.stderr


def test_entries_that_were_moved_are_not_booked_twice(way):
    """Killed after the ledger has the entries and before the journal forgets them: the same file twice."""
    with way.client() as client:
        for _ in range(5):
            client.chat.completions.create(model="sim-small", messages=said("Hi"))
    way.rest()
    way.gate.kill()
    (journal,) = (way.gate.home / "journal").glob("*.journal")
    kept = journal.read_bytes()
    assert kept
    restart(way)
    way.gate.kill()
    (journal.parent / "000000000900.journal").write_bytes(kept)
    restart(way)
    lines = entries(way.gate.home)
    assert len(lines) == 5
    assert spent(lines) == billed(way.bill())
    check_accounts(way, way.entries())


def test_only_one_gateway_uses_a_home(way):
    """A second one says so and ends; the books of the first are untouched."""
    with pytest.raises(AssertionError, match="another gateway is running"):
        harness.gateway(way.gate.home, way.config)
    with closing(sqlite3.connect(way.gate.home / "ledger.db")) as database:
        assert json.loads(database.execute("SELECT json_array(count(*)) FROM entries").fetchone()[0]) == [0]
