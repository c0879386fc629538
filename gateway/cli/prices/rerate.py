"""`fareway prices rerate`: what a period costs by other prices, and the entries that make the books say so."""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from gateway.assembly.ledgers import open_ledger, unwritten_ledger
from gateway.catalog.providers import KNOWN, Provider
from gateway.cli.books import open_books, reading
from gateway.cli.moments import moment
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.money import ZERO, Money
from gateway.core.price import SEPARATOR, Price
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.disk import JournalBusy
from gateway.ledger.mover import BATCH
from gateway.ledger.reader import Reader
from gateway.ledger.rerate import Kept, Rerated, rerated
from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book
from gateway.prices.feed import FeedError, parse
from gateway.prices.overrides import OverrideError, read_overrides
from gateway.prices.stored import book_in_use

_COLUMNS = ("provider", "model", "key", "calls", "changed", "booked_usd", "rerated_usd", "difference_usd")
_FEED_NAME = "genai-prices-file-{digest}"


def add_to(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command, among those of `fareway prices`."""
    parser = verbs.add_parser("rerate", parents=[common], help="price a past period anew; books change only by --apply")
    parser.add_argument("--from", dest="since", required=True, metavar="2026-11-01|30d", help="from then on")
    parser.add_argument("--to", dest="until", metavar="2026-12-01", help="up to, not including (default: now)")
    parser.add_argument("--provider", help="only calls to this one")
    parser.add_argument("--model", help="only calls to this deployment's model")
    parser.add_argument(
        "--with",
        dest="prices",
        type=Path,
        metavar="FILE",
        help="overrides (YAML, as under prices.overrides) on top of today's prices, or a feed (JSON) in their place",
    )
    parser.add_argument("--apply", action="store_true", help="write the adjusting entries; no gateway may be running")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_rerate)


def _rerate(parsed: argparse.Namespace) -> int:
    found, now = settings(parsed), time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    rater = _Rater(found, _book(parsed.prices, found))
    if parsed.apply:
        results = _apply(found, parsed, rater, since, until)
    else:
        with reading(found) as ledger:
            results = rater.rate(ledger, parsed, since, until)
    _show(results, parsed)
    return 0


class _Rater:
    """Prices entries by one book, and remembers which of its prices were used."""

    def __init__(self, found: Settings, book: PriceBook) -> None:
        self._providers = KNOWN | dict(found.providers)
        self._book = book
        self.used: dict[str, Price] = {}

    def rate(self, ledger: Reader, parsed: argparse.Namespace, since: float, until: float) -> list[Rerated | Kept]:
        providers = [parsed.provider] if parsed.provider else []
        found = ledger.entries(since, until, providers, parsed.model or "")
        return list(rerated(found, self._price_of, time.time()))

    def _price_of(self, entry: Entry, model: str) -> Price | None:
        provider = self._providers.get(entry.provider) or Provider(entry.provider, "")
        price = self._book.price(provider.priced_as, model, entry.at, provider.region)
        if price is not None:
            self.used[price.id] = price
        return price


def _apply(
    found: Settings, parsed: argparse.Namespace, rater: _Rater, since: float, until: float
) -> list[Rerated | Kept]:
    """Bring the books up to date, price them anew, and write what differs, all while nobody else has the home."""
    try:
        with unwritten_ledger(found), open_books(found):
            with reading(found) as ledger:
                results = rater.rate(ledger, parsed, since, until)
            adjustments = [r.adjustment for r in results if isinstance(r, Rerated) and r.adjustment is not None]
            asyncio.run(_record(found, adjustments, list(rater.used.values())))
    except JournalBusy:
        raise Unusable(
            "a gateway is running with this home and has its accounts in memory: stop it, then apply. "
            "Without --apply, this command shows what would change."
        ) from None
    except (OSError, Unavailable, LedgerUnfit, sqlite3.Error) as error:
        raise Unusable(f"nothing was adjusted: {error}") from None
    return results


async def _record(found: Settings, adjustments: Sequence[Entry], prices: Sequence[Price]) -> None:
    with closing(await open_ledger(found)) as ledger:
        ids = {name for entry in adjustments for joined in entry.price_ids for name in joined.split(SEPARATOR)}
        await ledger.note([price for price in prices if price.id in ids])
        for at in range(0, len(adjustments), BATCH):
            await ledger.record(adjustments[at : at + BATCH])


def _book(path: Path | None, found: Settings) -> PriceBook:
    """Today's prices, with what the file says. Raises Unusable."""
    if path is None:
        return book_in_use(found.home, found.prices.overrides, time.time())
    try:
        body = path.read_bytes()
        if path.suffix == ".json":
            return price_book(
                found.prices.overrides, parse(body, name=_FEED_NAME, day=time.strftime("%F", time.gmtime()))
            )
        more = read_overrides(yaml.safe_load(body), where=path.name)
    except (OSError, FeedError, OverrideError, yaml.YAMLError) as error:
        raise Unusable(f"cannot use {path}: {error}") from None
    return book_in_use(found.home, (*found.prices.overrides, *more), time.time())


def _show(results: Sequence[Rerated | Kept], parsed: argparse.Namespace) -> None:
    priced = [result for result in results if isinstance(result, Rerated)]
    kept = Counter(result for result in results if isinstance(result, Kept))
    groups: defaultdict[tuple[str, str, str], list[Rerated]] = defaultdict(list)
    for result in priced:
        entry = result.entry
        groups[entry.provider, entry.model, entry.caller.key_id].append(result)
    rows = [dict(zip(_COLUMNS, (*who, *_figures(group)), strict=True)) for who, group in sorted(groups.items())]
    total = dict(zip(_COLUMNS, ("total", "", "", *_figures(priced)), strict=True))
    if parsed.format == "json":
        told = {"rows": rows, "total": {name: total[name] for name in _COLUMNS[3:]}, "kept": dict(kept)}
        print(json.dumps(told | {"applied": parsed.apply}, indent=2))
        return
    print_rows([*rows, total], _COLUMNS, parsed.format)
    if parsed.format == "table":
        said = "".join(f", {count} {why}" for why, count in sorted(kept.items()))
        changed = f"{total['changed']} adjusting entries {'were written' if parsed.apply else 'would be written'}"
        print(f"{changed}; kept as they are: {sum(kept.values())}{said}.")


def _figures(group: Sequence[Rerated]) -> tuple[object, ...]:
    changed = sum(result.adjustment is not None for result in group)
    sums = [sum(amounts, start=ZERO) for amounts in _amounts(group)]
    return (len(group), changed, *(amount.decimal for amount in sums))


def _amounts(group: Sequence[Rerated]) -> tuple[list[Money], list[Money], list[Money]]:
    return ([r.before.known for r in group], [r.after.known for r in group], [r.difference for r in group])
