"""Telling that models in use cost another amount from now on. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.alert import Alert, AlertKind
from gateway.prices.book import PriceBook
from gateway.prices.diff import STANDARD, Change, model_changes

NAMED_MAX = 5
"""Changes that a sentence names; it says how many more there are."""


def repriced(old: PriceBook, new: PriceBook, used: Iterable[tuple[str, str]], now: float) -> Alert | None:
    """`used`: (provider, model) pairs as the book names them. None where they cost what they did."""
    found = [
        change
        for provider, model in sorted(used)
        for change in model_changes(provider, model, old.price(provider, model, now), new.price(provider, model, now))
    ]
    if not found:
        return None
    named = ", ".join(map(_words, found[:NAMED_MAX]))
    more = f", and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
    sentence = f"Prices have changed with {new.id} of {new.date}: {named}{more}."
    about = f"{old.id} {old.date} > {new.id} {new.date}"
    data = {"book": new.id, "date": new.date, "changes": str(len(found))}
    return Alert(f"{AlertKind.PRICE_CHANGED}/{about}", AlertKind.PRICE_CHANGED, now, sentence, data)


def _words(change: Change) -> str:
    tier = change.tier if change.tier != STANDARD else None
    above = f"above {change.above_tokens} tokens" if change.above_tokens else None
    what = " ".join(filter(None, (f"{change.provider}/{change.model}", tier, change.rate, above)))
    return f"{what} {change.words}"
