"""`fareway router report`: what routing has saved, net, beside three ways of not routing. From the ledger alone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from gateway.assembly.routing import catalog
from gateway.assembly.simulated import with_simulator
from gateway.catalog.catalog import AUTO, Catalog
from gateway.catalog.providers import KNOWN, Provider
from gateway.cli.books import reading
from gateway.cli.moments import moment
from gateway.cli.plan.sheet import add_format, show
from gateway.cli.router.saved import sheet
from gateway.cli.settings import Unusable, settings
from gateway.config.settings import Settings
from gateway.core.entry import Entry
from gateway.core.errors import UnknownModel
from gateway.core.price import Price
from gateway.core.rating import Rating
from gateway.core.route import TIERS
from gateway.difficulty.guard import Guard, Terms, judged
from gateway.planning.routed import Asked, Routed, requests
from gateway.prices.book import PriceBook
from gateway.prices.stored import book_in_use


def add_to(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command, among those of `fareway router`."""
    text = "what routing has saved, beside the asked-for model, the best fixed model and a draw by lot"
    parser = verbs.add_parser("report", parents=[common], help=text, description=text)
    parser.add_argument("--since", default="30d", metavar="30d|2026-11-01", help="how far back (default: 30d)")
    parser.add_argument("--until", metavar="2026-12-01", help="up to, not including (default: now)")
    add_format(parser)
    parser.set_defaults(run=_report)


def _report(parsed: argparse.Namespace) -> int:
    found, now = with_simulator(settings(parsed), ""), time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    book = book_in_use(found.home, found.prices.overrides, now)
    names = catalog(found, lambda: book, lambda: now)
    with reading(found) as ledger:
        called = {f"{provider}/{model}" for provider, model in ledger.called(since)}
        routed = Routed(_asked(found, names, called), _price(found, book))
        for made in requests(ledger.entries(since, until)):
            routed.add(made)
        ratings = [rating for rating in ledger.ratings(since) if rating.at < until]
    if not routed.names and not routed.without_choice:
        raise Unusable("there were no calls in that time", 3)
    return show(sheet(routed, ratings, _guard(found, ratings)), parsed)


def _asked(found: Settings, names: Catalog, called: set[str]) -> Callable[[str], Asked | None]:
    """What a name leads to, of what was called; and what it stands for where nothing is routed."""
    baseline = found.routing.baseline

    def asked(name: str) -> Asked | None:
        try:
            deployments = names.find(name)
        except UnknownModel:
            return None
        tiers = {deployment.group: deployment.tier for deployment in deployments}
        if len(tiers) < 2:
            return None
        first = deployments[0].group
        if name == AUTO:
            first = baseline if baseline in tiers else min(tiers, key=lambda one: TIERS.index(tiers[one]))
        return Asked(first, {one: tier for one, tier in tiers.items() if one in called or one == first})

    return asked


def _price(found: Settings, book: PriceBook) -> Callable[[str, Entry], Price | None]:
    """Of a deployment at the moment of an entry, as when it is priced anew."""
    providers = KNOWN | dict(found.providers)

    def price(name: str, entry: Entry) -> Price | None:
        where, _, model = name.partition("/")
        provider = providers.get(where) or Provider(where, "")
        return book.price(provider.priced_as, model, entry.at, provider.region)

    return price


def _guard(found: Settings, ratings: Sequence[Rating]) -> Guard:
    """What follows from these ratings, whether or not a guard is configured."""
    return judged(found.routing.guard or Terms(baseline=found.routing.baseline), ratings)
