"""`fareway plan chargeback | carbon`: who pays for what, and what it took in energy."""

from __future__ import annotations

import argparse

from gateway.cli.plan.arguments import count, dollars, positive
from gateway.cli.plan.hardware import Verb
from gateway.cli.plan.period import add_period, books
from gateway.cli.plan.sheet import Row, Sheet, add_format, show
from gateway.cli.settings import Unusable
from gateway.core.money import ZERO
from gateway.planning.amounts import summed
from gateway.planning.carbon import GRID_G_PER_KWH, PUE, Draw, footprint
from gateway.planning.chargeback import Payer, Rule, bills, idle, names
from gateway.planning.gpus import catalogue
from gateway.planning.traffic import calls, grouped

_PAYERS = [str(payer) for payer in Payer]


def add_chargeback(verb: Verb) -> None:
    """Declare `plan chargeback`."""
    parser = verb("chargeback", _chargeback, "who pays what, own hardware's idle time and other shared costs included")
    parser.add_argument("--by", choices=_PAYERS, default=str(Payer.TEAM))
    parser.add_argument("--shared", type=dollars, default=ZERO, metavar="USD", help="what all have in common")
    parser.add_argument("--paid", type=dollars, metavar="USD", help="for own hardware: what no call pays for is shared")
    parser.add_argument("--rule", choices=[str(rule) for rule in Rule], default=str(Rule.SPEND), help="default: spend")
    add_period(parser, always=True)
    add_format(parser)


def add_carbon(verb: Verb) -> None:
    """Declare `plan carbon`."""
    parser = verb("carbon", _carbon, "energy and carbon, by whoever caused it")
    parser.add_argument("--by", choices=_PAYERS, default=str(Payer.TEAM))
    parser.add_argument("--grid", type=count, default=GRID_G_PER_KWH, metavar="G", help="CO2e of a kWh (default: 473)")
    parser.add_argument("--gpu", metavar="NAME", help="own hardware: what answers self-hosted calls")
    parser.add_argument("--gpus", type=count, default=1, help="how many of it (default: 1)")
    parser.add_argument("--together", type=count, default=1, metavar="N", help="calls it answers together (default: 1)")
    parser.add_argument("--pue", type=positive, default=PUE, help="of its data centre (default: 1.2)")
    add_period(parser, always=True)
    add_format(parser)


def _chargeback(parsed: argparse.Namespace) -> int:
    told = books(parsed)
    unused = idle(parsed.paid, told.entries) if parsed.paid is not None else ZERO
    if unused < ZERO:
        raise Unusable(f"--paid: self-hosted calls were charged {ZERO - unused} more than that")
    found = bills(told.entries, Payer(parsed.by), parsed.shared + unused, Rule(parsed.rule))
    rows: list[Row] = [
        {
            parsed.by: bill.payer,
            "calls": bill.calls,
            "unpriced_calls": bill.unpriced,
            "direct_usd": bill.direct,
            "shared_usd": bill.shared,
            "total_usd": bill.total,
        }
        for bill in found
    ]
    figures: Row = {
        "direct_usd": summed(bill.direct for bill in found),
        "idle_usd": unused,
        "shared_usd": parsed.shared + unused,
        "total_usd": summed(bill.total for bill in found),
    }
    notes = [f"What is shared is divided by {parsed.rule}; the rows add up to the last pico-dollar."]
    return show(Sheet(figures, rows, notes), parsed)


def _carbon(parsed: argparse.Namespace) -> int:
    draw = None
    if parsed.gpu is not None:
        try:
            watts = catalogue().named(parsed.gpu).watts * parsed.gpus
        except ValueError as error:
            raise Unusable(f"--gpu: {error}", 2) from None
        draw = Draw(watts, parsed.together, parsed.pue)
    made = calls(books(parsed).entries)
    rows: list[Row] = []
    for name, group in grouped(made, lambda call: ", ".join(names(call, Payer(parsed.by)))).items():
        found = footprint(group, draw)
        rows.append(
            {
                parsed.by: name,
                "calls": found.calls,
                "wh_least": found.wh_least,
                "wh": found.wh,
                "wh_most": found.wh_most,
                "gco2e": found.grams(parsed.grid),
                "gco2e_per_call": found.grams(parsed.grid) / found.calls,
            }
        )
    whole = footprint(made, draw)
    figures: Row = {
        "kwh": whole.kwh,
        "kwh_least": whole.wh_least / 1000,
        "kwh_most": whole.wh_most / 1000,
        "kg_co2e": whole.grams(parsed.grid) / 1000,
    }
    notes = ["Of an API's calls nobody knows more than the bounds; those of own hardware count by time and power."]
    return show(Sheet(figures, sorted(rows, key=lambda row: str(row[parsed.by])), notes), parsed)
