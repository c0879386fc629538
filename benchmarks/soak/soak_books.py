"""Where one gateway's money can be read, each asked by itself: all of it in whole pico-dollars."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from road import Road

PICOS = Decimal(10) ** 12
_SERIES = re.compile(r"fareway_(spend|credit)_dollars_total\{.*\} (\S+)")

Told = dict[str, Any]


def books(way: Road, dashboard: str) -> dict[str, int]:
    """All books, once no call is under way. `dashboard`: its URL."""
    return {
        "provider_bill": billed(way.bill()),
        **kept_books(way, dashboard),
        "metrics": _counted(way.metrics()),
    }


def billed(bill: list[Told]) -> int:
    """What the provider charges."""
    return _picos(line["cost_usd"] for line in bill)


def kept_books(way: Road, dashboard: str) -> dict[str, int]:
    """Those that outlive a gateway, once no call is under way."""
    way.rest()
    return {
        "usage": _picos(row["cost_usd"] for row in json.loads(way.command("usage", "--format", "json"))),
        "export_csv": _picos(row["cost_usd"] for row in _rows(way, "csv")),
        "export_focus": _picos(row["EffectiveCost"] for row in _rows(way, "focus")),
        "dashboard": _picos(row["cost_usd"] for row in _shown(dashboard, way.admin)),
    }


def by_rule(bill: list[Told], homes: Iterable[Path]) -> tuple[dict[str, Told], list[str]]:
    """Calls for which bill and ledgers differ: those that may, by how they ended and how sure their price is; and
    those that may not."""
    charged: Counter[str] = Counter()
    for line in bill:
        charged[line["gateway_request_id"]] += _picos([line["cost_usd"]])
    booked: Counter[str] = Counter()
    ends: dict[str, set[str]] = defaultdict(set)
    for name, picos, outcome, status in _lines(homes):
        booked[name] += picos or 0
        if outcome not in {"ok", "cached"} or status != "exact":  # Else the provider itself said what it was.
            ends[name].add(f"{outcome}, {status}")
    allowed: dict[str, Told] = {}
    wrong = []
    for name in charged.keys() | booked.keys():
        if charged[name] == booked[name]:
            continue
        if not (end := " + ".join(sorted(ends[name]))):
            wrong.append(f"{name}: billed {charged[name]}, booked {booked[name]} pico-dollars")
            continue
        sums = allowed.setdefault(end, dict.fromkeys(("calls", "billed_picos", "booked_picos", "under_picos"), 0))
        sums["calls"] += 1
        sums["billed_picos"] += charged[name]
        sums["booked_picos"] += booked[name]
        sums["under_picos"] += max(0, charged[name] - booked[name])
    return dict(sorted(allowed.items())), wrong


def _lines(homes: Iterable[Path]) -> Iterator[tuple[str, int | None, str, str]]:
    """Of all ledgers: the call, its cost in pico-dollars, how it ended, how sure its price is."""
    for home in homes:
        with closing(sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True, timeout=60)) as ledger:
            yield from ledger.execute("SELECT request_id, cost_picos, outcome, cost_status FROM entries")


def _picos(dollars: Any) -> int:
    return sum(int(Decimal(one) * PICOS) for one in dollars if one not in {None, ""})


def _rows(way: Road, form: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(way.command("usage", "export", "--format", form), newline="")))


def _counted(text: str) -> int:
    """Spent is what was charged less what was given back. A figure is a float, which has 15 digits of it: it is the
    nearest to a whole number of pico-dollars as long as it is below $1,000."""
    found = [(kind, round(Decimal(figure) * PICOS)) for kind, figure in _SERIES.findall(text)]
    return sum(picos if kind == "spend" else -picos for kind, picos in found)


def _shown(dashboard: str, token: str) -> list[Told]:
    """What the overview draws, asked as the page asks: with a session's cookie."""
    origin = dashboard.removesuffix("/dashboard")
    headers = {"Origin": origin, "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{dashboard}/session", json.dumps({"token": token}).encode(), headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    asked = urllib.request.Request(f"{dashboard}/api/usage?since=30d&by=hour,model", headers={"Cookie": cookie})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        found: list[Told] = json.load(answer)["data"]
    return found
