"""The verbs of `fareway prices`. Exit codes: 0 done, 1 a check failed or the command could not run, 2 wrong usage,
3 nothing there, 4 refused: by the guard, or because prices are pinned."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from gateway.cli.prices import compared, feeds, gpus, rerate, shown
from gateway.cli.table import FORMATS

Run = Callable[[argparse.Namespace], int]
_FEEDS = "bundled, accepted, quarantined, pinned, in-use, a FILE or a URL"


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("prices", help="what models cost: list, show, diff, update, approve, pin, verify")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    def verb(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verbs.add_parser(name, parents=[common], help=text)
        one.add_argument("--format", choices=FORMATS, default="table")
        one.set_defaults(run=run)
        return one

    _add_shown(verb)
    _add_feeds(verb)
    _add_compared(verb)
    rerate.add_to(verbs, common)
    propose = verb("propose", gpus.propose, "let a list of GPU prices wait for a yes")
    propose.add_argument("--gpus", required=True, metavar="FILE|URL|gpuhunt", help="CSV or JSON of gpuhunt or SkyPilot")
    propose.add_argument("--provider", default="", help="whose prices they are, where the list does not say")


def _add_shown(verb: Callable[[str, Run, str], argparse.ArgumentParser]) -> None:
    listing = verb("list", shown.listing, "the models and rates of a provider, or how many each provider has")
    listing.add_argument("provider", nargs="?", metavar="PROVIDER")
    listing.add_argument("--exceptions", action="store_true", help="only rates not charged as published")
    listing.add_argument("--at", metavar="DATE", help="on that day or at that moment, UTC (default: now)")
    show = verb("show", shown.show, "all rates of one model, and where they are from")
    show.add_argument("model", metavar="PROVIDER/MODEL")
    show.add_argument("--at", metavar="DATE", help="on that day or at that moment, UTC (default: now)")


def _add_feeds(verb: Callable[[str, Run, str], argparse.ArgumentParser]) -> None:
    update = verb("update", feeds.update, "fetch the feed, judge it, and keep it")
    update.add_argument("--feed", metavar="FILE|URL", help="default: prices.feed, else the feed of genai-prices")
    approve = verb("approve", feeds.approve, "take over the feed, or the GPU prices, that wait for a yes")
    approve.add_argument("feed", nargs="?", metavar="FEED", help="only if it is this one: its id, as `update` says it")
    approve.add_argument("--gateway", metavar="URL", help="ask its admin API, with the admin key in $FAREWAY_KEY")
    approve.add_argument("--gpus", action="store_true", help="the proposed GPU prices")
    pin = verb("pin", feeds.pin, "keep the feed in use, whatever comes")
    pin.add_argument("--until", metavar="DATE|30d", help="until then (default: until `unpin`)")
    verb("unpin", feeds.unpin, "let prices follow the feed again")


def _add_compared(verb: Callable[[str, Run, str], argparse.ArgumentParser]) -> None:
    diff = verb("diff", compared.diff, "the rates that differ between two feeds, or two moments")
    diff.add_argument("before", nargs="?", metavar="BEFORE", help=f"{_FEEDS} (default: bundled)")
    diff.add_argument("after", nargs="?", metavar="AFTER", help="the same (default: in-use)")
    diff.add_argument("--from", dest="since", metavar="DATE", help="when BEFORE is looked at (default: now)")
    diff.add_argument("--to", dest="until", metavar="DATE", help="when AFTER is looked at (default: now)")
    diff.add_argument("--provider", help="only this one")
    verify = verb("verify", compared.verify, "compare the prices with litellm's table")
    verify.add_argument("--table", metavar="FILE|URL", help="default: the current one of litellm's repository")
    verify.add_argument("--provider", help="only this one")
    verify.add_argument(
        "--threshold", type=float, default=20, metavar="PERCENT", help="of models that may differ (default: 20)"
    )
    verify.add_argument("--differences", action="store_true", help="print each rate that differs, not the counts")
