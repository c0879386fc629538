"""`fareway replay`: the calls of the ledger, decided on again by another policy or configuration."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.assembly.fleet import fleet_of, metered
from gateway.assembly.routing import catalog, router
from gateway.assembly.simulated import with_simulator
from gateway.cli.books import reading
from gateway.cli.moments import moment
from gateway.cli.params import add_params, failed, with_policy
from gateway.cli.plan.sheet import add_format, show
from gateway.cli.replayed import sheet
from gateway.cli.settings import Unusable, settings
from gateway.config.load import load
from gateway.config.problems import ConfigError
from gateway.config.settings import Settings
from gateway.core.errors import PolicyFailed
from gateway.core.rating import Rating
from gateway.core.route import Signal
from gateway.journey.replay.budgets import Budgets
from gateway.journey.replay.deciding import Counted, Deciding
from gateway.journey.replay.recalled import Recalled, heard
from gateway.journey.replay.standing import Standing
from gateway.journey.replay.timeline import Timeline
from gateway.ledger.reader import Reader
from gateway.planning.elsewhere import Estimates
from gateway.planning.replay import Tally
from gateway.plugins import load_policy
from gateway.prices.stored import book_in_use
from gateway.upstream.health import Health


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    text = "what another policy or configuration would have made of the ledger's calls"
    parser = commands.add_parser("replay", parents=[common], help=text, description=text)
    parser.add_argument(
        "--policy",
        default="",
        metavar="new.yaml|policies.x",
        help="a whole configuration, or a policy in the place of this one's; default: this configuration as it is",
    )
    add_params(parser)
    parser.add_argument("--since", default="30d", metavar="30d|2026-11-01", help="how far back (default: 30d)")
    parser.add_argument("--until", metavar="2026-12-01", help="up to, not including (default: now)")
    parser.add_argument(
        "--team", default="", help="decide on the calls of this team alone; all others stay as they were"
    )
    add_format(parser)
    parser.set_defaults(run=_replay)


def _replay(parsed: argparse.Namespace) -> int:
    found, now = settings(parsed), time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    new = with_simulator(_new(found, parsed), "")
    try:
        with reading(found) as ledger:
            tally = replayed(new, ledger, since, until, team=parsed.team)
    except PolicyFailed as error:
        raise failed(error) from None
    if not tally.fates:
        raise Unusable("there were no calls in that time", 3)
    return show(sheet(tally, new, _reads(new)), parsed)


def replayed(new: Settings, ledger: Reader, since: float, until: float, *, team: str = "") -> Tally:
    """What these settings would have made of the calls of that time."""
    said = [rating for rating in ledger.ratings(since) if rating.at < until]
    deciding, tally = _deciding(new, team, since, said), Tally()
    for again, worth in deciding.replayed(ledger.entries(since, until), Estimates()):
        tally.add(again, worth)
    return tally


def _deciding(new: Settings, team: str, since: float, said: Iterable[Rating]) -> Deciding:
    timeline, recalled, routing = Timeline(), Recalled(), new.routing
    timeline.go_to(since)
    book = book_in_use(new.home, new.prices.overrides, time.time())
    health = Health(failures_max=routing.breaker_failures, open_s=routing.breaker_open_s)
    names = catalog(new, lambda: book, timeline.clock)
    learning = heard(recalled, said, timeline)
    way = router(new, names, health, timeline.clock, Counted(), learning=learning, fleet=metered(fleet_of(new), 0.0))
    standing, budgets = Standing(timeline, health, way.outputs), Budgets(new.limits, timeline)
    strict = new.prices.unknown == "refuse"
    return Deciding(way, standing, budgets, timeline, refuse_unpriced=strict, recalled=recalled, team=team)


def _reads(new: Settings) -> frozenset[Signal]:
    """What any of the policies does."""
    routing = new.routing
    choices = (routing.choice, routing.auto, *routing.named.values())
    return frozenset(signal for choice in choices for signal in load_policy(choice.policy).reads)


def _new(found: Settings, parsed: argparse.Namespace) -> Settings:
    """The settings to try. Prices stay those of the home that the ledger is in."""
    path = Path(parsed.policy)
    if not parsed.policy.endswith((".yaml", ".yml")) and not path.is_file():
        return with_policy(found, parsed.policy, parsed.params)
    if parsed.params:
        raise Unusable("--params belongs to a policy by its dotted name; a configuration has its own", 2)
    return replace(_read(path, os.environ), home=found.home)


def _read(path: Path, environ: Mapping[str, str]) -> Settings:
    try:
        return load(path, environ)
    except ConfigError as error:
        raise Unusable(str(error)) from None
