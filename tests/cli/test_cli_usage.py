"""What `fareway usage` makes of the ledger."""

from __future__ import annotations

import asyncio
from contextlib import closing

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger, connect
from gateway.ledger.usage import report


def entry(number: int, cost: Cost, model: str = "m") -> Entry:
    return Entry(
        id=f"r{number}.1",
        request_id=f"r{number}",
        at=float(number),
        caller=Caller("k"),
        asked_model=model,
        provider="p",
        model=model,
        served_model=model,
        tier="standard",
        selfhosted=False,
        reason="",
        usage=Usage(input=1, output=1),
        cost=cost,
        held_nanos=0,
        outcome=Outcome.OK,
        status=200,
    )


def reported(tmp_path, entries):
    """The report by model over these entries."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    asyncio.run(ledger.record(entries))
    ledger.close()
    with closing(connect(tmp_path / "ledger.db", readonly=True)) as database:
        return {row["model"]: row for row in report(database, ["model"], 0, 100)}


def test_a_sum_beyond_what_64_bits_of_pico_dollars_hold_is_exact(tmp_path):
    """Each entry fits into the ledger; together they pass 9.2 million dollars."""
    dear = Cost(Money.usd("4000000.000000000007"), CostStatus.EXACT)
    rows = reported(tmp_path, [entry(n, dear) for n in range(3)])
    assert rows["m"]["cost_usd"] == "12000000.000000000021"


def test_what_nobody_knows_is_not_zero(tmp_path):
    """A group of unpriced calls alone has no cost; beside priced ones they are counted apart."""
    priced = Cost(Money.usd("0.5"), CostStatus.EXACT)
    rows = reported(tmp_path, [entry(1, UNPRICED, "dark"), entry(2, UNPRICED, "mixed"), entry(3, priced, "mixed")])
    assert (rows["dark"]["cost_usd"], rows["dark"]["unpriced_calls"]) == (None, 1)
    assert (rows["mixed"]["cost_usd"], rows["mixed"]["unpriced_calls"]) == ("0.50", 1)
