"""What reports say of machines that are paid by the hour: what calls owe, what nobody used, and both together."""

from decimal import Decimal

import pytest
from machine_hours import CENT, HOUR, books, call
from msgspec.structs import replace

from gateway.core.entry import Outcome
from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.export.focus import Charges
from gateway.fleet.closing import closed
from gateway.ledger import sqlite
from gateway.ledger.rerate import Kept, cost_of, rerated
from gateway.planning.chargeback import Payer, bills

PAID = Money(2 * 3600 * CENT)


@pytest.fixture
def made():
    """Two hours: a call in the first, one over both, of different teams."""
    one = call("a.1", 10, 20, picos=30 * CENT)
    two = call("b.1", 3590, 3620, picos=30 * CENT)
    told = [replace(one, caller=replace(one.caller, team="red")), replace(two, caller=replace(two.caller, team="blue"))]
    for within in (books(HOUR), books(HOUR + 1)):
        told += closed(within, told, now=0)
    return sorted(told, key=lambda entry: (entry.at, entry.id))


async def test_usage_tells_idle_time_as_its_own_line_and_adds_up_to_what_was_paid(made, tmp_path):
    ledger = sqlite.SqliteLedger(tmp_path / "ledger.db")
    await ledger.record(made)
    ledger.close()
    with sqlite.reading(tmp_path / "ledger.db") as reader:
        rows = {row["model"]: row for row in reader.usage(["model"], 0, 2e9)}
        assert reader.called(0) == [("local", "m")]
        (whole,) = reader.usage(["provider"], 0, 2e9)
    assert rows["idle"]["cost_usd"] == Money(PAID.picos - 40 * CENT).decimal
    assert (rows["idle"]["calls"], rows["m"]["calls"]) == (0, 2)
    assert rows["m"]["cost_usd"] == Money(40 * CENT).decimal
    assert whole["cost_usd"] == PAID.decimal


def test_bills_and_idle_time_add_up_to_what_was_paid(made):
    found = {bill.payer: bill for bill in bills(made, Payer.TEAM)}
    assert found["red"].direct == Money(10 * CENT)
    assert found["blue"].direct == Money(30 * CENT), "its part of the second hour, too"
    assert {bill.calls for bill in found.values()} == {1}
    assert sum((bill.total for bill in found.values()), Money(0)) == PAID


def test_charges_of_machines_are_billed(made):
    rows = list(Charges({}, "1.2").rows(made))
    assert sum(row["BilledCost"] for row in rows) == Decimal(PAID.picos) / PICOS_PER_DOLLAR
    assert {row["ChargeDescription"].partition(" of ")[0] for row in rows} == {"machine time", "machine idle"}


def test_no_price_list_changes_what_a_machine_costs(made):
    def unknown(entry, model):
        raise AssertionError

    assert set(rerated(made, unknown, 0)) == {Kept.MACHINE}
    opened = replace(made[0], outcome=Outcome.IDLE, cost=replace(made[0].cost, price_id=None))
    assert cost_of(opened, unknown) is Kept.MACHINE
