"""What calls would have cost where a replay sends them: the same tokens at the other price, less what is modelled."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.money import ZERO, Money
from gateway.core.price import Price
from gateway.core.usage import Usage
from gateway.planning.fates import Again, Fate, deployment
from gateway.planning.reused import Prompts, with_read

NOTHING_USED = Usage(requests=0)

LENGTHS_MIN = 20
"""Answers of a deployment before their average length is known."""


class Worth(NamedTuple):
    """What one entry came to, and would have."""

    before: Money | None  # None: no price was known.
    after: Money | None
    usage: Usage  # As it would have been.
    lost: Money = ZERO  # Of `after`: what was read from a cache and would have been sent again.
    won: Money = ZERO  # Not in `after`: what would have been read instead of sent again.
    scaled: bool = False  # The length of its answer is that of the other model, on average.


class Lengths:
    """How long the answers of each deployment have been on average."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}  # Answers, and their tokens.

    def learn(self, entry: Entry) -> None:
        """This answer came to its end."""
        answers, tokens = self._seen.get(deployment(entry), (0, 0))
        self._seen[deployment(entry)] = answers + 1, tokens + entry.usage.output_total

    def ratio(self, was: str, name: str) -> Fraction | None:
        """How much longer answers there are than here; None where one of the two is not known well."""
        (here, tokens_here), (there, tokens_there) = self._seen.get(was, (0, 0)), self._seen.get(name, (0, 0))
        if min(here, there) < LENGTHS_MIN or not tokens_here or not tokens_there:
            return None
        return Fraction(tokens_there * here, tokens_here * there)


class Estimates:
    """Tells what each call would have come to, from what the ledger had shown up to it."""

    def __init__(self) -> None:
        self._prompts = Prompts()
        self._lengths = Lengths()

    def of(self, again: Again) -> Worth:
        """What this entry came to and would have; then it is known, too. What stays costs what it was booked at, to
        the pico-dollar."""
        entry = again.entry
        worth = self._worth(again)
        if entry.outcome is not Outcome.CACHED and entry.outcome not in NO_CALLS and again.fate is not Fate.REFUSED:
            self._prompts.learn(entry, again.name)
        if entry.outcome is Outcome.OK and entry.usage.output_total:
            self._lengths.learn(entry)
        return worth

    def _worth(self, again: Again) -> Worth:
        entry, booked = again.entry, again.entry.cost.total
        if entry.uncounted or again.fate not in (Fate.STAYED, Fate.MOVED) or entry.outcome in NO_CALLS:
            return Worth(booked, booked, entry.usage)
        read = self._prompts.read(entry, again.name)
        if again.name == again.was and not again.answered:
            return self._stayed(again, booked, read)
        return self._moved(again, booked, read)

    def _stayed(self, again: Again, booked: Money | None, read: int) -> Worth:
        """As booked, but for what its conversation's other ways would have done to the cache."""
        entry, price = again.entry, again.price
        if booked is None or price is None or read == entry.usage.cache_read:
            return Worth(booked, booked, entry.usage)
        usage, tier = with_read(entry.usage, read), entry.service_tier or None
        more = price.of(usage, tier).known - price.of(entry.usage, tier).known
        return Worth(booked, booked + more, usage, *_lost_and_won(more))

    def _moved(self, again: Again, booked: Money | None, read: int) -> Worth:
        entry, price = again.entry, again.price
        if again.answered or entry.outcome is Outcome.OUTRUN:  # Elsewhere one answer is enough.
            return Worth(booked, ZERO, NOTHING_USED)
        ratio = self._lengths.ratio(again.was, again.name)
        usage = _scaled(entry.usage, ratio, _cap(entry)) if ratio is not None else entry.usage
        if price is None:
            return Worth(booked, None, usage, scaled=ratio is not None)
        there, kept = with_read(usage, read), price.of(usage, _tier(entry, price)).known
        after = price.of(there, _tier(entry, price)).known
        return Worth(booked, after, there, *_lost_and_won(after - kept), scaled=ratio is not None)


def _lost_and_won(more: Money) -> tuple[Money, Money]:
    return (more, ZERO) if more.picos > 0 else (ZERO, ZERO - more)


def _cap(entry: Entry) -> int | None:
    most = entry.shape.output_max
    return None if most is None else most * entry.shape.choices


def _tier(entry: Entry, price: Price) -> str | None:
    """The tier that served it, where the other price has one of that name."""
    return entry.service_tier if entry.service_tier in price.tiers else None


def _scaled(usage: Usage, ratio: Fraction, cap: int | None) -> Usage:
    """Text and reasoning by this ratio, within the caller's cap."""
    text = usage.output + usage.output_reasoning
    longer = round(text * ratio)
    if cap is not None:
        longer = min(longer, max(cap, text))
    reasoning = min(longer, round(usage.output_reasoning * ratio))
    return replace(usage, output=longer - reasoning, output_reasoning=reasoning)
