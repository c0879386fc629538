"""A row has everything that a line of the ledger has, exact and in plain words."""

from decimal import Decimal

from booked_calls import call
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.lines import CLASSES
from gateway.core.usage import Usage
from gateway.export.calls import COLUMNS, row


def test_a_row_is_one_line_of_the_ledger():
    caller = Caller("key-1", "acme", "research", "ann", ("batch",), ("cost-7",))
    usage = Usage(**{name: number for number, name in enumerate(CLASSES, 1)})
    entry = replace(call(at=1_794_398_400.25, usd="0.000000000001", usage=usage, saved_nanos=5), caller=caller)
    told = row(entry)
    assert list(told) == list(COLUMNS)
    assert told["at"] == "2026-11-11T12:00:00.250Z"
    assert (told["org"], told["team"], told["user"], told["key_id"]) == ("acme", "research", "ann", "key-1")
    assert (told["tags"], told["outcome"], told["cost_status"]) == ("batch cost-7", "ok", "exact")
    assert (told["cost_usd"], told["saved_usd"]) == (Decimal("0.000000000001"), Decimal("0.000000005"))
    assert [told[f"{name}_tokens"] for name in CLASSES] == list(range(1, len(CLASSES) + 1))


def test_what_is_not_known_is_not_zero():
    told = row(call(usd=None))
    assert (told["cost_usd"], told["cost_status"], told["first_token_ms"]) == (None, "unpriced", None)
