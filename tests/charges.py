"""Made-up usage, prices and entries, for tests of what calls cost."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import strategies as st

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.lines import CLASSES
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus, Price, Rates, Schedule
from gateway.core.usage import Extras, Usage

COUNTS = st.integers(0, 2_000_000)
PICOS = st.integers(0, 10**9)
RATED = [field.name for field in fields(Rates) if field.init and field.type == "int" and field.name != "request"]

extras = st.builds(Extras, **dict.fromkeys(Extras.__struct_fields__, st.integers(0, 50)))
usages = st.builds(Usage, **dict.fromkeys(CLASSES, COUNTS), extras=st.none() | extras, requests=st.integers(0, 2))
rates = st.builds(
    Rates,
    **dict.fromkeys([*RATED, "request"], PICOS),
    extras=st.dictionaries(st.sampled_from(Extras.__struct_fields__), st.integers(0, 10**10)),
)
schedules = st.builds(
    lambda base, above: Schedule(base, tuple(sorted(above.items()))),
    rates,
    st.dictionaries(st.integers(1, 10**6), rates, max_size=2),
)


def prices(name: str) -> st.SearchStrategy[Price]:
    """Prices of that id, with bands, and a tier called flex."""
    return st.builds(lambda standard, flex: Price(name, standard, {"flex": flex}), schedules, schedules)


def flat(picos: int, request: int = 0) -> Rates:
    """The same rate for every class of tokens."""
    return Rates(**dict.fromkeys(RATED, picos), request=request)


def entry(**more: object) -> Entry:
    """One that used and cost nothing, but for what is said."""
    plain = {
        "id": "r.1", "request_id": "r", "at": 1.5, "caller": Caller("k"), "asked_model": "m", "provider": "p",
        "model": "m", "served_model": "m", "tier": "standard", "selfhosted": False, "reason": "", "usage": Usage(),
        "cost": Cost(Money(0), CostStatus.EXACT), "held_nanos": 0, "outcome": Outcome.OK, "status": 200,
    }  # fmt: skip
    return Entry(**plain | more)
