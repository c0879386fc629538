"""Odd spending among public clients: false alarms a week, and how many incidents are found: six hours at three
times the usual.

The clients' rates of one day (ServeGen, https://arxiv.org/abs/2505.09999) and the lengths of real requests (Azure's
conversations, https://arxiv.org/abs/2311.18677) are given; that there are eight such weeks is ours: a weekend has 40 %
of a working day, days scatter around that by 25 % and hours by 15 % (both log-normal), and in another run half of the
clients grow by 10 % a week. Calls arrive with the spread that the trace gives each client. Seeded.
"""

from __future__ import annotations

import csv
import io
import os
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from math import exp, sqrt
from pathlib import Path
from statistics import mean, pstdev

from gateway.planning.anomaly import WEEK_H, unusual

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("FAREWAY_SHARED", ROOT.parent / "shared")) / "data"
RATES, LENGTHS = DATA / "servegen/deepseek-r1.tar.gz", DATA / "azure/AzureLLMInferenceTrace_conv.csv"

INPUT_NANOS, OUTPUT_NANOS = 2_500, 10_000  # A token: $2.50 and $10 a million.
WEEKS, JUDGED_FROM = 8, 4
WEEKEND, DAYS_SCATTER, HOURS_SCATTER, GROWTH = 0.4, 0.25, 0.15, 1.1
TIMES = 3
INJECTED, LASTS_H = 8, 6
"""Incidents a client, and how long each lasts."""
WORTH_NANOS = 10 * 10**9
"""Ten dollars too much: smaller incidents count by their money alone."""

FALSE_ALARMS_BAR = 0.1
"""A client and week, at most."""
FOUND_BAR = 0.8
"""Of what incidents cost too much, at least."""

Day = Sequence[tuple[float, float]]
"""By hour: calls, and the coefficient of variation between them."""


def figures() -> dict[str, object]:
    """By kind of traffic. Without the data, none."""
    if not (RATES.exists() and LENGTHS.exists()):
        print(f"anomalies: not run, there is no {RATES} or no {LENGTHS}")
        return {}
    clients, costs = list(_clients()), _costs()
    steady = _measured(clients, costs, lambda _: 1.0)
    growing = _measured(clients, costs, lambda number: GROWTH if number % 2 else 1.0)
    return {"anomalies_steady": steady, "anomalies_growing": growing}


def _measured(clients: Sequence[Day], costs: Sequence[int], growth: Callable[[int], float]) -> dict[str, object]:
    chance, judged = random.Random(17), range(JUDGED_FROM * WEEK_H, WEEKS * WEEK_H)
    alarms, incidents = 0, list[tuple[int, bool]]()  # What each cost too much, and whether it was found.
    for number, day in enumerate(clients):
        spent = _weeks(day, costs, growth(number), chance)
        alarms += len({hour // 24 for hour in judged if unusual(spent, hour, 0)})  # One a day at most.
        for begin in chance.sample(judged[:-LASTS_H], INJECTED):
            odd = {hour: TIMES * spent[hour] for hour in range(begin, begin + LASTS_H)}
            more = sum(odd.values()) * (TIMES - 1) // TIMES
            incidents.append((more, any(unusual(spent | odd, hour, 0) for hour in odd)))
    large = [found for more, found in incidents if more >= WORTH_NANOS]
    by_money = sum(more for more, found in incidents if found) / sum(more for more, _ in incidents)
    a_week = alarms / len(clients) / (WEEKS - JUDGED_FROM)
    print(f"{len(clients)} clients: {a_week:.3f} false alarms a client and week")
    print(
        f"  found of incidents of x{TIMES}: {sum(large)} of {len(large)} of $10 and more; {by_money:.1%} of all money"
    )
    return {
        "clients": len(clients),
        "false_alarms_a_client_week": round(a_week, 4),
        "false_alarms_a_week": round(alarms / (WEEKS - JUDGED_FROM), 2),
        "incidents_of_10_usd": len(large),
        "found_share": round(sum(large) / len(large), 4),
        "found_share_by_money": round(by_money, 4),
        "bar": {"false_alarms_a_client_week": FALSE_ALARMS_BAR, "found_share_by_money": FOUND_BAR},
        "met": a_week <= FALSE_ALARMS_BAR and by_money >= FOUND_BAR,
    }


def _weeks(day: Day, costs: Sequence[int], growth: float, chance: random.Random) -> dict[int, int]:
    """What one client spends, by hour."""
    spent, each, spread = {}, mean(costs), pstdev(costs)
    for number in range(WEEKS * 7):
        scale = exp(chance.gauss(0, DAYS_SCATTER)) * growth ** (number / 7) * (WEEKEND if number % 7 >= 5 else 1)
        for hour, (calls, variation) in enumerate(day):
            wanted = calls * scale * exp(chance.gauss(0, HOURS_SCATTER))
            count = max(0, round(chance.gauss(wanted, variation * sqrt(wanted))))
            if count < 50:  # Few calls, whose lengths matter.
                nanos = sum(chance.choices(costs, k=count))
            else:
                nanos = max(0, round(chance.gauss(count * each, sqrt(count) * spread)))
            spent[number * 24 + hour] = nanos
    return spent


def _clients() -> Iterator[Day]:
    """Those that call at all."""
    with tarfile.open(RATES) as archive:
        for name in sorted(name for name in archive.getnames() if name.endswith("-trace.csv")):
            file = archive.extractfile(name)
            assert file is not None
            rows = list(csv.reader(io.TextIOWrapper(file)))
            by_hour: list[list[tuple[float, float]]] = [[] for _ in range(24)]
            for row in rows[: 24 * 6]:
                by_hour[int(float(row[0])) // 3600 % 24].append((float(row[1]) * 600, float(row[2] or 1)))
            day = [(sum(calls for calls, _ in ten), mean(spread for _, spread in ten)) for ten in by_hour if ten]
            if len(day) == 24 and any(calls for calls, _ in day):
                yield day


def _costs() -> list[int]:
    """Of every request, in nano-dollars."""
    with LENGTHS.open(encoding="utf-8-sig") as file:
        return [
            int(row["ContextTokens"]) * INPUT_NANOS + int(row["GeneratedTokens"]) * OUTPUT_NANOS
            for row in csv.DictReader(file)
        ]
