"""What differs between two price books, or in one of them between two moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.core.price import Price, Schedule
from gateway.prices.book import PriceBook
from gateway.prices.guard import by_name

STANDARD = "standard"  # What rows call the schedule without conditions.

# Whose rate a class pays that has none of its own (see rates.rates_at); told once, with the parent's.
PARENTS: Mapping[str, tuple[str, ...]] = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_1h": ("cache_write",),
    "cache_write_12h": ("cache_write_1h",),
    "input_audio": ("input",),
    "cache_read_audio": ("input_audio", "cache_read"),
    "input_image": ("input",),
    "cache_read_image": ("cache_read",),
    "input_video": ("input",),
    "output_reasoning": ("output",),
    "output_audio": ("output",),
    "output_image": ("output",),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One rate that differs, in pico-dollars each. Without a rate, all of a model's price is new or gone."""

    provider: str
    model: str
    tier: str | None = None
    above_tokens: int = 0  # Of the band: prompts of more input tokens than this.
    rate: str | None = None
    before: int | None = None
    after: int | None = None

    @property
    def words(self) -> str:
        """'new', 'gone', or by how much the rate moves, such as '-12.5%'."""
        if self.after is None:
            return "gone"
        if not self.before:
            return "new"
        return percent(self.before, self.after)


def percent(before: int, after: int) -> str:
    """A move from an amount that is not zero, to a tenth of a percent: '+20.0%'."""
    tenths = round(Fraction((after - before) * 1000, before))
    whole, rest = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else '+'}{whole}.{rest}%"


def changes(old: PriceBook, old_at: float, new: PriceBook, new_at: float) -> Iterator[Change]:
    """Every rate that differs between a book at a unix time and a book at another, by provider and model."""
    for provider, model in sorted(listed(old) | listed(new)):
        yield from model_changes(
            provider, model, old.price(provider, model, old_at), new.price(provider, model, new_at)
        )


def listed(book: PriceBook) -> set[tuple[str, str]]:
    """The (provider, model) pairs that the feed lists, or overrides price at its providers."""
    found = {(name, model.id) for name, provider in book.feed.providers.items() for model in provider.models}
    return found | {(name, model) for name in book.feed.providers for model in book.models(name)}


def model_changes(provider: str, model: str, before: Price | None, after: Price | None) -> Iterator[Change]:
    """What differs for one model."""
    if before is None or after is None:
        if before is not after:
            yield Change(provider, model, before=_input(before), after=_input(after))
        return
    tiers: dict[str, tuple[Schedule | None, Schedule | None]] = {STANDARD: (before.standard, after.standard)}
    tiers |= {name: (before.tiers.get(name), after.tiers.get(name)) for name in sorted({*before.tiers, *after.tiers})}
    for tier, (was, now) in tiers.items():
        if was is None or now is None:
            yield Change(provider, model, tier, before=_base(was), after=_base(now))
        else:
            for above, rate, old, new in _moved(was, now):
                yield Change(provider, model, tier, above, rate, old, new)


def bands(*schedules: Schedule) -> list[int]:
    """Where the bands of these schedules begin: prompts of more tokens than that."""
    return sorted({0, *(tokens for schedule in schedules for tokens, _ in schedule.above)})


def _moved(was: Schedule, now: Schedule) -> Iterable[tuple[int, str, int | None, int | None]]:
    for above in bands(was, now):
        size = above + 1 if above else 0
        old, new = by_name(was.at(size)), by_name(now.at(size))
        for rate in dict.fromkeys((*old, *new)):
            pair = old.get(rate), new.get(rate)  # Extras may be unknown, which is not zero.
            follows = any(pair == (old[parent], new[parent]) for parent in PARENTS.get(rate, ()))
            if pair[0] != pair[1] and not follows:
                yield above, rate, *pair


def _input(price: Price | None) -> int | None:
    return _base(price.standard) if price is not None else None


def _base(schedule: Schedule | None) -> int | None:
    return schedule.base.input if schedule is not None else None
