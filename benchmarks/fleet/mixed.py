"""A mixed fleet: two GPUs and an API, and the Azure conversation trace to be answered.

The trace (https://github.com/Azure/AzurePublicDataset; Patel et al., Splitwise, ISCA 2024) says when, how many tokens
in and how many out. The two GPUs are a pair of H100 with Llama 3.3 70B (engines.py), reserved for a year at the
catalogue's price and paid whether used or not; the API answers the same model at its price in the price book. Who
decides is the real router with the real bookkeeping (gate.py).

The one constant, `patience`, is chosen on the first third of the trace, at three loads: the longest with which nineteen
of twenty calls wait no longer than with the API alone and with round robin. Figures are of the rest. Another way counts
as equal if its p95 is no longer than with the API alone; those that wait longer are shown, and do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import inf

from fleet.gate import price
from fleet.replay import FILE, Blind, Ours, Result, read, run

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.fleet.machine import PATIENCE_MS
from gateway.planning.gpus import Tier, catalogue

FIRST_S = 1167.0
LOADS = (0.5, 1.0, 2.0)
CHOSEN_AT = (1.0, 1.5, 2.0)
PATIENCES = (0.2, 0.3, 0.4, 0.5)
APIS = {
    "Groq": "groq/llama-3.3-70b-versatile",
    "Together": "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "Novita": "novita/meta-llama/llama-3.3-70b-instruct",
}
TIERS = (Tier.ON_DEMAND, Tier.RESERVED_1Y, Tier.RESERVED_3Y)
BAR_PCT = 15.0

Results = Mapping[str, Result]


def dollars(result: Result, tier: Tier = Tier.RESERVED_1Y, api: str = APIS["Groq"]) -> float:
    """The bill."""
    pair = 2 * catalogue().named("H100").hourly[tier].picos
    reads, writes = price(api)
    picos = pair * Fraction(result.hours) + result.prompt * reads + result.output * writes
    return float(picos / PICOS_PER_DOLLAR)


def figures() -> dict[str, object]:
    """Measure and print. Nothing where the trace is not there."""
    if not FILE.exists():
        print(f"no trace at {FILE}: set FAREWAY_SHARED")
        return {}
    chosen = _chosen()
    print(f"  chosen: {chosen}; gateway/fleet/machine.py has {PATIENCE_MS} ms")
    by_load = {load: _ways(load, engines=1) for load in LOADS}
    two = _ways(2.0, engines=2)
    prices = _prices(by_load[1.0])
    name, below = _below(by_load[1.0])
    ours = by_load[1.0]["ours"]
    return {
        "bill_vs_best_pct": -below,
        "p95_wait_s": ours.p95_wait_s,
        "met": below >= BAR_PCT,
        "mixed_fleet": {
            "best_of_the_others": name,
            "bar_pct": -BAR_PCT,
            "patience_chosen_s": chosen,
            "by_load": {str(load): _told(results) for load, results in by_load.items()},
            "by_prices_at_x1": prices,
            "two_engines_at_twice_the_load": _told(two),
        },
    }


def _chosen() -> float:
    """See the module."""
    print("On the first third, by load and patience: dollars, share at the API, p50, p95 and p99 of the wait (s)")
    fits = set(PATIENCES)
    for load in CHOSEN_AT:
        first = [row for row in read(load) if row.at < FIRST_S / load]
        most = min(_shown(f"x{load:g}", name, run(first, 1, way)).p95_wait_s for name, way in _stable(1).items())
        for patience_s in PATIENCES:
            result = _shown(f"x{load:g}", f"{patience_s:g} s", run(first, 1, Ours(1, patience_s=patience_s)))
            if result.p95_wait_s > most:
                fits.discard(patience_s)
    return max(fits, default=min(PATIENCES))


def _stable(engines: int) -> dict[str, Blind]:
    return {"API only": Blind(None), "round robin": Blind(*range(engines), None)}


def _ways(load: float, engines: int) -> Results:
    trace, since = read(load), FIRST_S / load
    print(f"\nThe rest at x{load:g}, {engines} pair(s) of H100")
    ways = {name: run(trace, engines, way, since) for name, way in _stable(engines).items()}
    ways["GPU only"] = run(trace, engines, Blind(*range(engines)), since)
    ways["GPU only, one pair more"] = run(trace, engines + 1, Blind(*range(engines + 1)), since)
    ways["ours"] = run(trace, engines, Ours(engines), since)
    return {name: _shown("", name, result) for name, result in ways.items()}


def _below(results: Results, tier: Tier = Tier.RESERVED_1Y, api: str = APIS["Groq"]) -> tuple[str, float]:
    """The cheapest of the other ways that keep up, and by how many per cent ours is below its bill."""
    most = results["API only"].p95_wait_s
    bills = {name: dollars(one, tier, api) for name, one in results.items() if one.p95_wait_s <= most}
    ours = bills.pop("ours", inf)
    best = min(bills, key=bills.__getitem__)
    return best, round(100 * (1 - ours / bills[best]), 1)


def _prices(results: Results) -> dict[str, object]:
    """The same calls at other prices. Where calls go does not depend on how dear the API is, only on how it prices
    tokens read and written beside each other: so the bills are near what a run at these prices would come to."""
    print("\nAt x1 and other prices: the bill of ours against the best of the others")
    found: dict[str, object] = {}
    for tier in TIERS:
        for name, api in APIS.items():
            best, below = _below(results, tier, api)
            bills = {way: round(dollars(result, tier, api), 2) for way, result in results.items()}
            found[f"H100 {tier}, {name}"] = {"best": best, "below_pct": below} | bills
            print(f"  H100 {tier:12} {name:9} {bills['ours']:7.2f} against {bills[best]:7.2f} ({best}): {below:6.1f} %")
    return found


def _told(results: Results) -> dict[str, object]:
    best, below = _below(results)
    return {"best_of_the_others": best, "bill_vs_best_pct": -below} | {
        name: {"dollars": round(dollars(one), 2)} | {k: round(v, 4) for k, v in one._asdict().items()}
        for name, one in results.items()
    }


def _shown(where: str, name: str, result: Result) -> Result:
    waits = f"{result.p50_wait_s:7.2f} {result.p95_wait_s:7.2f} {result.p99_wait_s:7.2f}"
    print(f"  {where:5} {name:24} {dollars(result):8.2f} {result.spilled:8.1%} {waits}")
    return result
