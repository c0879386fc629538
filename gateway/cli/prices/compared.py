"""`fareway prices diff` and `verify`: what differs between feeds, between moments, and from a second opinion."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable

from gateway.catalog.providers import priced_as
from gateway.cli.prices.sources import NOTHING_THERE, book, document, moment
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.prices.crosscheck import URL, Difference, Tally, crosscheck, read_table
from gateway.prices.diff import Change, changes
from gateway.prices.feed import FeedError
from gateway.prices.spelled_out import dollars

CHANGES = ("provider", "model", "tier", "above_tokens", "rate", "before_usd", "after_usd", "per", "change")
_TALLIES = ("provider", "equal", "different", "missing", "rates", "rates_different", "rates_untold")
_DIFFERENCES = ("provider", "model", "tier", "above_tokens", "rate", "ours_usd", "theirs_usd", "per")


def diff(parsed: argparse.Namespace) -> int:
    """Print the rates that differ. With dates alone it is the feed in use at both."""
    now, found = time.time(), settings(parsed)
    dated = parsed.since is not None or parsed.until is not None
    before = book(found, parsed.before or ("in-use" if dated else "bundled"))
    after = book(found, parsed.after or "in-use")
    differing = changes(before, moment(parsed.since, now), after, moment(parsed.until, now))
    provider = priced_as(parsed.provider, found.providers) if parsed.provider else None
    print_rows(rows(one for one in differing if provider in {None, one.provider}), CHANGES, parsed.format)
    return 0


def rows(differing: Iterable[Change]) -> list[dict[str, object]]:
    """Changes in dollars. A model, or a tier of it, that is new or gone shows its input rate."""
    return [_row(change) for change in differing]


def _row(change: Change) -> dict[str, object]:
    rate = change.rate or "input"
    before, after = (
        dollars(amount, rate)[0] if amount is not None else None for amount in (change.before, change.after)
    )
    return {
        "provider": change.provider,
        "model": change.model,
        "tier": change.tier,
        "above_tokens": change.above_tokens,
        "rate": change.rate,
        "before_usd": before,
        "after_usd": after,
        "per": dollars(0, rate)[1],
        "change": change.words,
    }


def verify(parsed: argparse.Namespace) -> int:
    """Print how far the book and litellm's table agree. 1 where more models differ than the threshold allows."""
    if not 0 <= parsed.threshold <= 100:
        raise Unusable("--threshold is a share of models in percent, 0 to 100")
    found = settings(parsed)
    prices, where = book(found, "in-use"), parsed.table or URL
    try:
        tallies = crosscheck(prices, read_table(document(where)), time.time())
    except FeedError as error:
        raise Unusable(f"{where}: {error}") from None
    if parsed.provider:
        provider = priced_as(parsed.provider, found.providers)
        tallies = [tally for tally in tallies if tally.provider == provider]
    compared, different = sum(t.equal + t.different for t in tallies), sum(t.different for t in tallies)
    if not compared:
        raise Unusable(f"{where} prices no model that is priced here", NOTHING_THERE)
    differences = [_difference(one) for tally in tallies for one in tally.differences]
    good = different * 100 <= parsed.threshold * compared
    if parsed.format == "json":
        providers = [_tally(tally) for tally in tallies]
        told = {"feed": prices.id, "compared": compared, "different": different, "good": good}
        print(json.dumps(told | {"providers": providers, "differences": differences}, indent=2))
    elif parsed.differences:
        print_rows(differences, _DIFFERENCES, parsed.format)
    else:
        print_rows([_tally(tally) for tally in tallies], _TALLIES, parsed.format)
    if parsed.format == "table":
        print(f"\n{different} of {compared} models compared differ; {parsed.threshold:g} % may.")
    return 0 if good else 1


def _tally(tally: Tally) -> dict[str, object]:
    return {
        "provider": tally.provider,
        "equal": tally.equal,
        "different": tally.different,
        "missing": tally.missing,
        "rates": tally.rates,
        "rates_different": len(tally.differences),
        "rates_untold": tally.untold,
    }


def _difference(one: Difference) -> dict[str, object]:
    usd, per = dollars(one.ours, one.rate)
    return {
        "provider": one.provider,
        "model": one.model,
        "tier": one.tier,
        "above_tokens": one.above_tokens,
        "rate": one.rate,
        "ours_usd": usd,
        "theirs_usd": format((one.theirs * 10**6).normalize(), "f"),
        "per": per,
    }
