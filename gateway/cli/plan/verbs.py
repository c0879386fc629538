"""The verbs of `fareway plan`. Exit codes: 0 done, 1 it could not run, 2 wrong usage, 3 nothing there."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial

from gateway.assembly.stores import directory
from gateway.cli.books import reading
from gateway.cli.plan.sheet import add_format, show
from gateway.cli.settings import Unusable, settings
from gateway.core.errors import BadRequest, NotFound
from gateway.core.limit import Limit
from gateway.directory.rules import in_force
from gateway.plans.books import Source
from gateway.plans.table import PLANS, Plan


def declare(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare all of them."""
    verbs = parser.add_subparsers(title="plans", required=True, metavar="PLAN", parser_class=argparse.ArgumentParser)
    for plan in PLANS:
        one = verbs.add_parser(plan.name, parents=[common], help=plan.text, description=plan.text)
        plan.declare(one)
        add_format(one, plot=plan.plots, page=plan.pages)
        one.set_defaults(run=partial(_run, plan))


def _run(plan: Plan, parsed: argparse.Namespace) -> int:
    source = Source(lambda: reading(settings(parsed)), partial(_limits, parsed), time.time())
    try:
        sheet = plan.make(parsed, source)
    except BadRequest as error:
        flag = f"--{error.param.replace('_', '-')}: " if error.param else ""
        raise Unusable(f"{flag}{error}", 2) from None
    except NotFound as error:
        raise Unusable(str(error), 3) from None
    return show(sheet, parsed)


def _limits(parsed: argparse.Namespace) -> Sequence[Limit]:
    found = settings(parsed)
    with directory(found) as kept:
        stored = kept.rules()
    return in_force(found.limits, stored.values())
