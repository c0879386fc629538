"""A ledger that could not write once writes again as soon as it can."""

import sqlite3

import pytest

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import Unavailable
from gateway.core.price import UNPRICED
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger

ENTRY = Entry(
    "r.1", "r", 0.0, Caller("k"), "m", "p", "m", "m", "standard", selfhosted=False, reason="", usage=Usage(),
    cost=UNPRICED, held_nanos=0, outcome=Outcome.OK, status=200, charges=(("all/usd/day@2026", 5),),
)  # fmt: skip


class Failing:
    """A connection that fails once on one statement, as on a full disk."""

    def __init__(self, database, on):
        self.database, self.on = database, on

    def __getattr__(self, name):
        return getattr(self.database, name)

    def execute(self, statement, *values):
        if statement.startswith(self.on):
            self.on = "never again"
            raise sqlite3.OperationalError("disk I/O error")
        return self.database.execute(statement, *values)


@pytest.mark.parametrize("on", ["BEGIN", "COMMIT"])
async def test_a_failure_is_unavailable_records_nothing_and_passes(tmp_path, on):
    """A transaction left open would refuse every later one until the gateway is restarted."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger._database = Failing(ledger._database, on)
    with pytest.raises(Unavailable):
        await ledger.record([ENTRY])
    assert await ledger.balances(["all/usd/day@2026"]) == {}
    assert await ledger.record([ENTRY]) == 1
    assert await ledger.balances(["all/usd/day@2026"]) == {"all/usd/day@2026": 5}
    ledger.close()
