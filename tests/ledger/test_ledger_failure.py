"""A ledger that could not write once writes again as soon as it can."""

import sqlite3

import pytest
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import Unavailable
from gateway.core.price import UNPRICED
from gateway.core.usage import Usage
from gateway.ledger.journal import SYNC_NEVER, Journal
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


async def test_an_entry_that_is_no_text_keeps_no_other_out(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    bad = replace(ENTRY, id="r.0", caller=Caller("k", brought_tags=("\udcff",)))
    assert await ledger.record([bad, ENTRY]) == 1
    assert [entry.id for entry in await ledger.find("r")] == ["r.1"]
    ledger.close()


async def test_what_cannot_be_written_down_is_not_settled(tmp_path):
    journal = Journal(tmp_path, SYNC_NEVER)
    with pytest.raises(UnicodeEncodeError):
        journal.settle(replace(ENTRY, caller=Caller("k", brought_tags=("\udcff",))))
    assert not journal.settled
    journal.close()
