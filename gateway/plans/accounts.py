"""The plans `chargeback` and `carbon`: who pays for what, and what it took in energy."""

from __future__ import annotations

from argparse import Namespace
from fractions import Fraction

from gateway.core.errors import Conflict
from gateway.core.money import ZERO
from gateway.planning.amounts import summed
from gateway.planning.carbon import GRID_G_PER_KWH, PUE, Draw, Footprint, footprints
from gateway.planning.chargeback import Payer, Rule, bills, idle, names
from gateway.planning.traffic import calls
from gateway.plans.arguments import count, dollars, positive
from gateway.plans.books import Source, add_period, books
from gateway.plans.hardware import named
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Row, Sheet

_PAYERS = [str(payer) for payer in Payer]


def chargeback_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--by", choices=_PAYERS, default=str(Payer.TEAM))
    takes.add_argument("--shared", type=dollars, default=ZERO, metavar="USD", help="what all have in common")
    takes.add_argument("--paid", type=dollars, metavar="USD", help="for own hardware: what no call pays for is shared")
    takes.add_argument("--rule", choices=[str(rule) for rule in Rule], default=str(Rule.SPEND), help="default: spend")
    add_period(takes, always=True)


def carbon_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--by", choices=_PAYERS, default=str(Payer.TEAM))
    takes.add_argument("--grid", type=count, default=GRID_G_PER_KWH, metavar="G", help="CO2e of a kWh (default: 473)")
    takes.add_argument("--gpu", metavar="NAME", help="own hardware: what answers self-hosted calls")
    takes.add_argument("--gpus", type=count, default=1, help="how many of it (default: 1)")
    takes.add_argument("--together", type=count, default=1, metavar="N", help="calls it answers together (default: 1)")
    takes.add_argument("--pue", type=positive, default=PUE, help="of its data centre (default: 1.2)")
    add_period(takes, always=True)


def chargeback(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    payer = Payer(parsed.by)
    with books(parsed, source) as told:
        untold = idle(parsed.paid, told.entries) if parsed.paid is not None else ZERO
        if untold < ZERO:
            raise Conflict(f"paid: own hardware was charged {ZERO - untold} more than that")
        found = bills(told.entries, payer, parsed.shared + untold, Rule(parsed.rule))
    shared = summed(bill.shared for bill in found)
    rows: list[Row] = [
        {
            parsed.by: bill.payer,
            "calls": bill.calls,
            "unpriced_calls": bill.unpriced,
            "direct_usd": bill.direct,
            "training_usd": bill.training,
            "shared_usd": bill.shared,
            "total_usd": bill.total,
        }
        for bill in found
    ]
    figures: Row = {
        "direct_usd": summed(bill.direct for bill in found),
        "idle_usd": shared - parsed.shared,
        "shared_usd": shared,
        "total_usd": summed(bill.total for bill in found),
    }
    notes = [
        f"What is shared is divided by {parsed.rule}; the rows add up to the last pico-dollar.",
        "Training jobs are in what each has caused.",
    ]
    return Sheet(figures, rows, notes, title=f"Chargeback by {parsed.by}", about=told.about)


def carbon(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    draw = None
    if parsed.gpu is not None:
        draw = Draw(named(parsed.gpu).watts * parsed.gpus, parsed.together, parsed.pue)
    payer = Payer(parsed.by)
    with books(parsed, source) as told:
        found = footprints(calls(told.entries), draw, lambda call: ", ".join(names(call, payer)))
    rows: list[Row] = [
        {
            parsed.by: name,
            "calls": one.calls,
            "wh_least": one.wh_least,
            "wh": one.wh,
            "wh_most": one.wh_most,
            "gco2e": one.grams(parsed.grid),
            "gco2e_per_call": one.grams(parsed.grid) / one.calls,
        }
        for name, one in sorted(found.items())
    ]
    whole = sum(found.values(), Footprint(0, *[Fraction(0)] * 3))
    figures: Row = {
        "kwh": whole.kwh,
        "kwh_least": whole.wh_least / 1000,
        "kwh_most": whole.wh_most / 1000,
        "kg_co2e": whole.grams(parsed.grid) / 1000,
    }
    notes = ["Of an API's calls nobody knows more than the bounds; those of own hardware count by time and power."]
    if draw is None:
        notes = ["Nobody knows more than the bounds: without --gpu, calls of own hardware are estimated as an API's."]
    return Sheet(figures, rows, notes)
