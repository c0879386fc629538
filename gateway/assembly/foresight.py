"""What the ledger says that nobody has noticed yet: a budget that will not last, an hour that costs too much, a model
without a price. Looked at beside the calls, in a thread, for a fiftieth of the time at most.

Sums of hours and days that are over are read once and kept; of each, the dearest names alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from gateway.core.alert import Alert, AlertKind
from gateway.core.limit import Limit, Span, Unit
from gateway.core.money import PICOS_PER_NANO, Money
from gateway.core.node import covers, kind_of, part_of, parts
from gateway.ledger.reader import Reader
from gateway.limits.rules import Rules
from gateway.limits.windows import Window, utc_text, window_at
from gateway.planning.anomaly import HOUR_S, WEEK_H, WEEKS, WORTH_NANOS, unusual
from gateway.planning.forecast import DAY_S, fit, horizon, series

WATCHED = ("all", "team", "user", "key", "model")
"""Nodes whose hours are looked at."""

DAYS = 56
"""What a forecast is made of."""
QUARTER_DAYS = 93
DAYS_MIN = 7
"""Whole days; below, there is no trend."""
DEAREST_TIMES = 3
"""If the window's rest at so many times the dearest day passes nothing, no forecast is made: that takes longer."""

HOUR_NAMES_MAX, DAY_NAMES_MAX = 100, 1000

_SPANS = (Span.WEEK, Span.MONTH, Span.QUARTER)

Kinds = tuple[str, ...]
Names = tuple[str, ...]


class Sums:
    """Nano-dollars by name, in pieces of time of one length, which are numbered since 1970."""

    def __init__(self, length_s: int, names_max: int, back: int) -> None:
        self._length_s = length_s
        self._names_max = names_max
        self._back = back
        self._pieces: defaultdict[Kinds, dict[int, dict[Names, int]]] = defaultdict(dict)

    def look(self, ledger: Reader, kinds: Kinds, now: float) -> tuple[int, Mapping[int, Mapping[Names, int]]]:
        """Which piece it is now, and all of them. Those that may still change, the last two, are read anew. Raises
        Unavailable."""
        number = int(now // self._length_s)
        kept = self._pieces[kinds]
        for one in [one for one in kept if one <= number - self._back]:
            del kept[one]
        began = ledger.began()
        first = number if began is None else int(began // self._length_s)
        for one in range(max(first, number - self._back + 1), number + 1):
            if one not in kept or one >= number - 1:
                found = spent(ledger, kinds, one * self._length_s, (one + 1) * self._length_s)
                kept[one] = dict(sorted(found.items(), key=lambda pair: -pair[1])[: self._names_max])
                time.sleep(0)  # Others have their turn.
        return number, kept


def spent(ledger: Reader, kinds: Kinds, since: float, until: float) -> dict[Names, int]:
    """By name of these kinds; calls that have none are left out. Raises Unavailable."""
    found: defaultdict[Names, int] = defaultdict(int)
    for row in ledger.usage(("day", *kinds), since, until):
        names = tuple(str(row[kind] or "") for kind in kinds)
        if row["cost_usd"] is not None and all(names):
            found[names] += Money.usd(str(row["cost_usd"])).picos // PICOS_PER_NANO
    return found


class Foresight:
    """Alerts of what it sees; the same ones again as long as it is so."""

    def __init__(self) -> None:
        self._hours = Sums(HOUR_S, HOUR_NAMES_MAX, WEEKS * WEEK_H + 1)
        self._days = Sums(DAY_S, DAY_NAMES_MAX, QUARTER_DAYS)

    def look(self, ledger: Reader, limits: Collection[Limit], now: float) -> list[Alert]:
        """For a thread. Raises Unavailable."""
        odd = [alert for kind in WATCHED for alert in self._odd(ledger, kind, now)]
        return [*odd, *unpriced(ledger, now), *self._ending(ledger, limits, now)]

    def _odd(self, ledger: Reader, kind: str, now: float) -> Iterator[Alert]:
        hour, pieces = self._hours.look(ledger, () if kind == "all" else (kind,), now)
        for looked_at in (hour - 1, hour):
            for names, nanos in pieces.get(looked_at, {}).items():
                if nanos <= WORTH_NANOS:
                    continue
                by_hour = {one: of[names] for one, of in pieces.items() if names in of}
                if found := unusual(by_hour, looked_at, min(pieces)):
                    node = part_of(kind, names[0]) if names else kind
                    yield _odd_alert(node, looked_at, found.spent, found.usual, now)

    def _ending(self, ledger: Reader, limits: Collection[Limit], now: float) -> Iterator[Alert]:
        rules, seen = Rules(limits), set[tuple[str, str]]()
        for limit in limits:
            if limit.unit is Unit.USD and limit.span in _SPANS and "tag:" not in limit.node:
                for node, alert in self._ending_at(ledger, limit, rules, now):
                    if (node, limit.counts) not in seen:  # Several may speak about it, of which one rules.
                        seen.add((node, limit.counts))
                        yield alert

    def _ending_at(self, ledger: Reader, limit: Limit, rules: Rules, now: float) -> Iterator[tuple[str, Alert]]:
        kinds = () if limit.node == "all" else tuple(kind_of(part) for part in parts(limit.node))
        today, pieces = self._days.look(ledger, kinds, now)
        window = window_at(limit.span, limit.timezone, now, limit.start)
        whole = -int(-window.start // DAY_S)  # The first whole day of the window, UTC.
        begun = spent(ledger, kinds, window.start, whole * DAY_S) if whole * DAY_S > window.start else {}
        for names in {names for day in pieces.values() for names in day}:
            node = " ".join(map(part_of, kinds, names)) or "all"
            if not covers(limit.node, node):
                continue
            ruling = rules.at(node)[node, limit.counts]
            if not ruling.keeps_time_with(limit):  # Another says what was spent in its window.
                continue
            by_day = {day: of[names] for day, of in pieces.items() if names in of}
            so_far = begun.get(names, 0) + sum(nanos for day, nanos in by_day.items() if day >= whole)
            left = Money.of_nanos(ruling.amount - so_far)
            low = _passing(by_day, left, today, now, window.end) if left.picos > 0 else None
            if low is not None:
                so_far_usd = Money.of_nanos(so_far)
                yield node, _forecast_alert(node, ruling, so_far_usd, so_far_usd + low, window, now=now)


def _passing(by_day: Mapping[int, int], left: Money, today: int, now: float, end: float) -> Money | None:
    """What is to come until then, by the lower edge of the forecast, where that passes what is left."""
    lately = {day: Money.of_nanos(nanos) for day, nanos in by_day.items() if day >= today - DAYS}
    first, amounts = series(lately, today)
    if len(amounts) < DAYS_MIN or max(amounts).picos * DEAREST_TIMES * (end - now) < left.picos * DAY_S:
        return None
    time.sleep(0)  # Others have their turn.
    low = fit(first, amounts).sum(horizon(now, end)).low
    return low if low is not None and low > left else None


def unpriced(ledger: Reader, now: float) -> Iterator[Alert]:
    """Models that were called within the hour, and that have no price."""
    for row in ledger.usage(("provider", "model", "cost_status"), now - HOUR_S, now + 1):
        if row["cost_status"] == "unpriced" and row["unpriced_calls"]:
            name = f"{row['provider']}/{row['model']}"
            sentence = f"{name} was called and has no price: what it costs is in no sum and no budget."
            yield _told(AlertKind.PRICE_UNKNOWN, name, now, sentence, deployment=name)


def _odd_alert(node: str, hour: int, nanos: int, usual: int, now: float) -> Alert:
    began, spent_in_it, such = utc_text(hour * HOUR_S) or "", Money.of_nanos(nanos), Money.of_nanos(usual)
    sentence = (
        f"{node} has spent {_dollars(spent_in_it)} in the hour from {began}, and usually spends {_dollars(such)}."
    )
    data = {"node": node, "hour": began, "spent": spent_in_it.decimal, "usual": such.decimal}
    day = datetime.fromtimestamp(hour * HOUR_S, UTC).date()  # A bad day is told once.
    return _told(AlertKind.SPEND_ANOMALY, f"{node}/{day}", now, sentence, **data)


def _forecast_alert(node: str, limit: Limit, so_far: Money, low: Money, window: Window, *, now: float) -> Alert:
    amount, ends = Money.of_nanos(limit.amount), utc_text(window.end) or ""
    sentence = (
        f"{node} will pass its limit ({limit.window}): {_dollars(so_far)} of {_dollars(amount)} are spent, "
        f"and by {ends} it will be {_dollars(low)} or more."
    )
    data = {
        "node": node,
        "limit": limit.id,
        "window": limit.window,
        "spent": so_far.decimal,
        "amount": amount.decimal,
        "low": low.decimal,
        "resets_at": ends,
    }
    about = f"{node}/{limit.counts}@{window.label} of {limit.amount}"
    return _told(AlertKind.BUDGET_FORECAST, about, now, sentence, **data)


def _dollars(money: Money) -> str:
    """To the cent, for people."""
    return f"${round(money.picos / 10**12, 2):,.2f}"


def _told(kind: AlertKind, about: str, now: float, sentence: str, **data: str) -> Alert:
    return Alert(f"{kind}/{about}", kind, now, sentence, data)
