"""Finds the entry of a price feed that covers a model name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from gateway.prices.feed import Clause, Feed, Model
from gateway.prices.patterns import LONGEST_NAME

COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=[-:]|$)")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and whose it is. `own` is False when another provider's list had to help out."""

    provider: str
    model: Model
    own: bool


def matches(clause: Clause, name: str) -> bool:
    """Whether a clause covers a name, which must be in lower case. Only regexes are used as written."""
    if clause.regex is not None:
        return re.search(clause.regex, name) is not None
    if clause.any_of is not None:
        return any(matches(inner, name) for inner in clause.any_of)
    if clause.all_of is not None:
        return all(matches(inner, name) for inner in clause.all_of)
    return (
        (clause.equals is not None and name == clause.equals.lower())
        or (clause.starts_with is not None and name.startswith(clause.starts_with.lower()))
        or (clause.ends_with is not None and name.endswith(clause.ends_with.lower()))
        or (clause.contains is not None and clause.contains.lower() in name)
    )


def find(feed: Feed, provider: str, model: str) -> Found | None:
    """The entry for a model at a provider; None where the feed has none.

    As genai-prices does it: the provider's own list, then those of its `fallback_model_providers` (Azure sells
    OpenAI's models), one step deep; and once more with a date written in full, since some write
    gpt-5.2-20251211 for gpt-5.2-2025-12-11. Unlike there, an exact id goes before any clause.
    """
    name = model.lower()
    if len(name) > LONGEST_NAME or provider not in feed.providers:
        return None
    found = search(feed, provider, name)
    if found is None and (dashed := COMPACT_DATE.sub(dashed_date, name)) != name:
        found = search(feed, provider, dashed)
    return found


def search(feed: Feed, provider: str, name: str) -> Found | None:
    """Look through the provider's list and those that it falls back to."""
    others = feed.providers[provider].fallback_model_providers or ()
    for holder in (provider, *others):
        if holder in feed.providers and (entry := entry_of(feed.providers[holder].models, name)) is not None:
            return Found(holder, entry, own=holder == provider)
    return None


def entry_of(models: tuple[Model, ...], name: str) -> Model | None:
    """The entry with this very id, else the first whose clause covers it."""
    for model in models:
        if model.id.lower() == name:
            return model
    for model in models:
        if matches(model.match, name):
            return model
    return None


def dashed_date(found: re.Match[str]) -> str:
    """The date of a compact suffix, written with dashes; anything else as it was."""
    year, month, day = found.groups()
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return found.group(0)
    return f"-{year}-{month}-{day}"
