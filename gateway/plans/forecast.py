"""The plan `forecast`: what the month will come to, and when limits are reached."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from itertools import accumulate
from math import inf

from gateway.core.errors import BadRequest, NotFound
from gateway.core.limit import Limit, Span, Unit
from gateway.core.money import ZERO, Money
from gateway.limits.rules import Rules
from gateway.limits.windows import Window, window_at
from gateway.planning.forecast import DAY_S, Days, Fit, Rolling, horizon, reached, reached_rolling
from gateway.planning.scenarios import Scenario
from gateway.plans.arguments import change, share, switch
from gateway.plans.books import Source, add_period
from gateway.plans.outlook import ALL, Course, Kinds, Node, Outlook
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Row, Sheet
from gateway.plans.svg import Line, lines

_KINDS = (ALL, "org", "team", "user", "key", "model", "provider", "tier")
_SPANS = (Span.WEEK, Span.MONTH, Span.QUARTER, Span.LIFETIME)
_FAR_S = 366 * DAY_S
"""How far ahead a limit for a lifetime is looked at."""


def forecast_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--by", choices=_KINDS, default=ALL)
    takes.add_argument("--growth", type=share, default=Fraction(0), metavar="20%", help="what if: so much more traffic")
    takes.add_argument(
        "--price", type=change, action="append", default=[], metavar="MODEL=-30%", help="what if: a price that changes"
    )
    takes.add_argument(
        "--switch", type=switch, action="append", default=[], metavar="A=B", help="what if: calls to A went to B"
    )
    add_period(takes, "56d", always=True)


def forecast(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    if parsed.until is not None:
        raise BadRequest("a forecast is from now on, and ends with the month", "until")
    now, since = source.now, source.moment(parsed.since, "since")
    scenario = Scenario(parsed.growth, dict(parsed.price), dict(parsed.switch))
    limits = [limit for limit in source.limits() if _foreseen(limit)]
    with source.reading() as ledger:
        outlook = Outlook(ledger, min(since - since % DAY_S, _month(now).start), now, scenario, source.given_up)
        try:
            return _sheet(outlook, [] if parsed.by == ALL else [parsed.by], limits)
        except KeyError as error:
            raise BadRequest(f"no call to {error} in that time, so its price is not known", "switch") from None


def _sheet(outlook: Outlook, kinds: Kinds, limits: Iterable[Limit]) -> Sheet:
    month = _month(outlook.now)
    courses, spent = outlook.courses(kinds), outlook.spent(kinds, month.start)
    if not courses:
        raise NotFound("there were no calls in that time")
    names, head = sorted(courses, key=lambda node: -spent[node].picos), kinds[0] if kinds else "node"
    notes = ["Bounds: nine of ten months end between them, if days go on to scatter as they did. UTC."]
    if any(course.days < 14 for course in courses.values()):
        notes.append("Below 14 days no season of the week is known, below 7 no trend.")
    return Sheet(
        rows=[{head: _name(node), **_row(outlook, courses[node], spent[node], month)} for node in names],
        more=_budget_rows(outlook, limits),
        notes=notes,
        plot=_plot(courses[names[0]], outlook.now, month),
    )


def _row(outlook: Outlook, course: Course, spent: Money, month: Window) -> Row:
    if course.fit is None:
        return {"days": course.days, "spent_usd": spent, "month_end_usd": None, "low_usd": None, "high_usd": None}
    told = course.fit.sum(horizon(outlook.now, month.end)).scaled(course.factor)
    return {
        "days": course.days,
        "spent_usd": spent,
        "month_end_usd": spent + told.expected,
        "low_usd": None if told.low is None else spent + told.low,
        "high_usd": None if told.high is None else spent + told.high,
    }


def _foreseen(limit: Limit) -> bool:
    days_long = limit.span in _SPANS or (limit.span is Span.ROLLING and limit.rolling_s >= DAY_S)
    return limit.unit is Unit.USD and days_long


def _budget_rows(outlook: Outlook, limits: Iterable[Limit]) -> list[Row]:
    """Every limit on every node that has spent; of two that count the same the one that rules."""
    given = tuple(limits)
    rules, found = Rules(given), dict[tuple[str, str], Row]()
    for limit in given:
        start, end = _window(limit, outlook.now)
        for node, course, spent in outlook.on(limit, start):
            ruling = rules.at(node)[node, limit.counts]
            if ruling.keeps_time_with(limit):  # Else another says what was spent in its window.
                dates = _dates(ruling, course, spent, outlook.now, end)
                found[node, limit.counts] = {"limit": f"{node}/{limit.counts}", **dates}
    rows = found.values()
    return sorted(rows, key=lambda row: (row["reached_on"] is None, str(row["reached_on"]), str(row["limit"])))


def _dates(limit: Limit, course: Course, spent: Money, now: float, end: float) -> Row:
    """`end`: of the limit's window, in Unix seconds."""
    left = Money.of_nanos(limit.amount) - spent
    when: tuple[str | None, str | None] = ("reached", "reached")
    if left > ZERO:
        days = horizon(now, min(end, now + _FAR_S))
        found = _reached(limit, course, course.fit, days, left) if course.fit is not None else (None, None)
        when = _date(found[0]), _date(found[1])
    return {
        "amount_usd": Money.of_nanos(limit.amount),
        "spent_usd": spent,
        "ends": None if end > now + _FAR_S else _date(int(end // DAY_S)),
        "reached_on": when[0],
        "at_the_earliest": when[1],
    }


def _reached(limit: Limit, course: Course, going: Fit, days: Days, left: Money) -> tuple[int | None, int | None]:
    if limit.span is not Span.ROLLING:
        return reached(going, days, left, course.factor)
    rolling = Rolling(course.by_day, -(-limit.rolling_s // DAY_S), Money.of_nanos(limit.amount))
    return reached_rolling(going, days, rolling, course.factor)


def _window(limit: Limit, now: float) -> tuple[float, float]:
    """When it began and when it ends, in Unix seconds."""
    if limit.span is Span.ROLLING:
        return now - limit.rolling_s, inf
    window = window_at(limit.span, limit.timezone, now, limit.start)
    return window.start, window.end


def _month(now: float) -> Window:
    return window_at(Span.MONTH, "UTC", now)


def _name(node: Node) -> str:
    return (node[0] or "(none)") if node else ALL


def _date(day: int | None) -> str | None:
    return None if day is None else datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _plot(course: Course, now: float, month: Window) -> str:
    """Spend of the month so far, and as it is likely to go on."""
    first, today = int(month.start // DAY_S), int(now // DAY_S)
    known = range(first, today + 1)
    so_far = list(accumulate((course.by_day.get(day, ZERO) for day in known), initial=ZERO))[1:]
    moment = Fraction(now - month.start) / DAY_S  # Today is not over.
    ends = [min(Fraction(day - first + 1), moment) for day in known]
    drawn = [Line("spent", [(Fraction(0), ZERO), *zip(ends, so_far, strict=True)])]
    if course.fit is not None:
        days = horizon(now, month.end)
        told = [course.fit.sum(()), *(one.scaled(course.factor) for one in course.fit.running(days))]
        at = [moment, *(Fraction(day - first + 1) for day, _ in days)]

        def line(parts: Iterable[Money | None]) -> list[tuple[Fraction, Money]]:
            return [(x, so_far[-1] + part) for x, part in zip(at, parts, strict=True) if part is not None]

        expected, low, high = ([getattr(one, edge) for one in told] for edge in ("expected", "low", "high"))
        drawn.append(Line("expected, within nine of ten", line(expected), line(low), line(high)))
    return lines("What the month comes to, of the dearest row", "day of the month, UTC", drawn)
