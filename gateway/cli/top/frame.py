"""What is seen of a look: lines that fit a terminal of any size. Nothing is asked or printed here."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

from gateway.cli.top.looking import Look, Row

BAR = 10
"""Characters of a budget's bar; in a narrow terminal there is none."""

NARROW = 60
BUDGETS_MAX = 8
ROUTES_MAX = 10
NEARLY, SPENT = 80, 100
"""Percent of a budget from which it is told in colour."""

BOLD, RED, YELLOW = "1", "31", "33"
_WELL = {"ok", "cached"}


@dataclass(frozen=True, slots=True)
class Line:
    """Text, and the colour that all of it has."""

    text: str = ""
    style: str = ""


@dataclass(slots=True)
class _Route:
    """Calls to one deployment's model in the last minute."""

    calls: int = 0
    failed: int = 0
    cost: Decimal = Decimal(0)
    unpriced: bool = False
    outcomes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: Row) -> None:
        """One sum of the ledger."""
        outcome = row["by"]["outcome"]
        self.calls += row["calls"]
        self.failed += 0 if outcome in _WELL else row["calls"]
        self.cost += Decimal(row["cost_usd"] or 0)
        self.unpriced |= row["unpriced_calls"] > 0
        self.outcomes[outcome] += row["calls"]


def frame(look: Look, columns: int, rows: int | None, *, colour: bool, trouble: str = "") -> list[str]:
    """Lines of at most so many columns, and at most so many of them; None: all. `trouble`: why the look is old."""
    return [_shown(line, columns, colour=colour) for line in islice(_lines(look, columns, trouble), rows)]


def _shown(line: Line, columns: int, *, colour: bool) -> str:
    text = clipped(line.text, columns)
    return f"\x1b[{line.style}m{text}\x1b[0m" if colour and line.style and text else text


def _lines(look: Look, columns: int, trouble: str) -> Iterator[Line]:
    routes = _routes(look.recent)
    every = list(routes.values())
    calls, failed = sum(one.calls for one in every), sum(one.failed for one in every)
    cached = sum(one.outcomes["cached"] for one in every)
    minute = _dollars(str(sum((one.cost for one in every), Decimal(0)))) + "?" * any(one.unpriced for one in every)
    clock = datetime.fromtimestamp(look.at, UTC).strftime("%H:%M:%S")
    yield Line(f"fareway top  {clock} UTC", BOLD)
    if trouble:
        yield Line(trouble, RED)
    spend, so_far = f"spend  {minute}/min", f"today {_dollars(look.today_usd)}  month {_dollars(look.month_usd)}"
    yield from (Line(spend), Line(so_far)) if columns < NARROW else (Line(f"{spend}  {so_far}"),)
    yield Line(f"calls  {calls}/min  errors {failed}  cached {cached}", RED if failed else "")
    yield from _budgets(look.budgets, columns)
    yield from _deployments(look.deployments, routes, columns)
    yield from _last(look.last, columns)


def _routes(recent: Iterable[Row]) -> dict[str, _Route]:
    found: dict[str, _Route] = defaultdict(_Route)
    for row in recent:
        found[f"{row['by']['provider']}/{row['by']['model']}"].add(row)
    return found


def _budgets(budgets: list[Row], columns: int) -> Iterator[Line]:
    if budgets:
        yield from (Line(), Line("BUDGETS", BOLD))
    for budget in budgets[:BUDGETS_MAX]:
        state = budget["state"]
        money = state["unit"] == "usd"
        amount, spent = Decimal(state["amount"]), Decimal(state["spent"]) + Decimal(state["held"])
        percent = int(100 * spent / amount) if amount else SPENT
        left = _dollars(state["left"]) if money else f"{state['left']} {state['unit']}"
        full = min(BAR, percent * BAR // 100)
        bar = "" if columns < NARROW else f"  {'#' * full}{'.' * (BAR - full)}"
        ends = f", out at {budget['runs_out'][11:16]}" if budget["runs_out"] and columns >= NARROW else ""
        style = RED if percent >= SPENT else YELLOW if percent >= NEARLY else ""
        tail = f"{bar} {percent:>4} %  {left} left{ends}"
        yield Line(_beside(f"{state['node']} {state['window']}", tail, columns), style)


def _deployments(deployments: list[Row], routes: dict[str, _Route], columns: int) -> Iterator[Line]:
    doing = {one["name"]: one for one in deployments}
    names = sorted(doing.keys() | routes.keys() - {"/"}, key=lambda name: (-routes.get(name, _Route()).calls, name))
    if names:
        yield from (Line(), Line("ROUTES", BOLD))
    for name in names[:ROUTES_MAX]:
        route, one = routes.get(name, _Route()), doing.get(name)
        p95 = one and (one["first_token_p95_ms"] or one["answer_p95_ms"])
        waits = f"  p95 {p95:.0f} ms" if p95 and columns >= NARROW else ""
        shut = one is not None and not one["working"]
        tail = f"  {route.calls}/min  {_dollars(str(route.cost))}{f'  {route.failed} errors' if route.failed else ''}"
        style = RED if shut else YELLOW if route.failed else ""
        yield Line(_beside(name, f"{tail}{waits}{'  left alone' if shut else ''}", columns), style)


def _last(last: list[Row], columns: int) -> Iterator[Line]:
    if last:
        yield from (Line(), Line("LAST CALLS", BOLD))
    for call in last:
        who = f"  {call['team'] or call['key_id']}" if columns >= NARROW else ""
        tail = f"  {_dollars(call['cost_usd'])}  {call['outcome']}"
        style = "" if call["outcome"] in _WELL else YELLOW
        yield Line(_beside(f"{call['at'][11:19]}{who}  {call['model'] or call['asked_model']}", tail, columns), style)


def _beside(name: str, tail: str, columns: int) -> str:
    """A name that gives way to the figures on its right."""
    room = max(8, columns - len(tail))
    name = clipped(name, room)
    return name + " " * (room - _width(name)) + tail


def _dollars(amount: str | None) -> str:
    """For the eye: cents, or of less than a dollar what one can tell apart."""
    if amount is None:
        return "$?"
    found = Decimal(amount)
    return f"${found:,.2f}" if abs(found) >= 1 or not found else f"${found:.6f}"


def clipped(text: str, columns: int) -> str:
    """Without what would move the cursor, names are others' words, and no wider than that."""
    shown, width = [], 0
    for one in text:
        safe = one if one.isprintable() else "?"
        width += _width(safe)
        if width > columns:
            break
        shown.append(safe)
    return "".join(shown).rstrip()


def _width(text: str) -> int:
    """Cells of a terminal: https://www.unicode.org/reports/tr11/."""
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
