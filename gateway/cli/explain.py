"""`fareway explain request.json`: where a call would go, why, at what cost, and what would be held."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from gateway.assembly.routing import catalog, router
from gateway.assembly.simulated import with_simulator
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.config.settings import Settings
from gateway.core.errors import GatewayError
from gateway.core.limit import HoldMode
from gateway.core.money import Money
from gateway.core.request import Asked, Request
from gateway.dialects.base import Dialect
from gateway.dialects.spoken import DIALECTS
from gateway.journey.carriage import Carrier
from gateway.journey.option import Chosen, Option
from gateway.journey.question import Question
from gateway.prices.stored import book_in_use
from gateway.tokens import Tokens, measure
from gateway.upstream.health import Health

_COLUMNS = ("rank", "candidate", "tier", "likely_usd", "worst_usd", "held_usd", "price")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("explain", parents=[common], help="candidates, costs and the decision for a request")
    parser.add_argument("request", type=Path, metavar="REQUEST.json", help="a request body; - for standard input")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=_explain)


def _explain(parsed: argparse.Namespace) -> int:
    try:
        body = sys.stdin.buffer.read() if str(parsed.request) == "-" else parsed.request.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read the request: {error}") from None
    try:
        told = asyncio.run(explained(settings(parsed), body))
    except GatewayError as error:
        raise Unusable(f"the call would be refused with status {error.status}: {error}") from None
    if parsed.format == "json":
        print(json.dumps(told, indent=2))
        return 0
    print(f"model asked for   {told['model']}")
    print(f"input tokens      {told['input_tokens']} counted, {told['input_tokens_bound']} at most")
    print(f"decision          {told['reason']}")
    print(f"hold              {told['hold']}\n")
    print_rows(told["candidates"], _COLUMNS, "table")
    return 0


async def explained(found: Settings, body: bytes) -> dict[str, Any]:
    """Everything that the pipeline would decide on. Raises the GatewayError that it would answer with."""
    found = with_simulator(found, "")
    book = book_in_use(found.home, found.prices.overrides, time.time())
    dialect, asked = _dialect(body), Asked(body)
    facts = dialect.read(asked)
    health = Health(failures_max=1, open_s=0)
    way = router(found, catalog(found, lambda: book, time.time), health, time.time)
    size = measure(body, facts)
    bound, tokens = way.bound(facts, size, proven=True), Tokens()
    exact = min(bound, max([await tokens.count(dialect.countable(asked), model) for model in way.models(facts)]))
    tokens.close()
    request = Request("explain", "explain", dialect.name, facts, input_tokens=bound)
    carrier = Carrier(asked, lossy=False)
    options = way.options(request, size, carrier)
    chosen = way.choose(request, options, None, needs_price=False)
    question = Question(request, dialect, asked, {}, _hold_mode(found), size, carrier)
    return {
        "model": facts.model,
        "input_tokens": exact,
        "input_tokens_bound": bound,
        "reason": chosen.reason,
        "hold": f"{question.hold_mode if facts.stream else 'strict'}, by the bound of the input",
        "candidates": [_row(option, chosen, question) for option in options],
    }


def _row(option: Option, chosen: Chosen, question: Question) -> dict[str, object]:
    candidate = option.candidate
    fare, worst = question.fare(option)
    plan = [o.candidate.name for o in chosen.plan]
    return {
        "rank": plan.index(candidate.name) + 1 if candidate.name in plan else None,
        "candidate": candidate.name,
        "tier": candidate.tier,
        "likely_usd": candidate.cost_likely.decimal if candidate.cost_likely is not None else None,
        "worst_usd": candidate.cost_worst.decimal if candidate.cost_worst is not None else None,
        "held_usd": Money.of_nanos(fare.nanos).decimal if worst.total is not None else None,
        "price": option.price.id if option.price else "unpriced",
    }


def _dialect(body: bytes) -> Dialect:
    embeds = b'"input"' in body and b'"messages"' not in body
    return DIALECTS["openai-embeddings" if embeds else "openai-chat"]


def _hold_mode(found: Settings) -> HoldMode:
    strict = any(limit.hold is HoldMode.STRICT for limit in found.limits)
    return HoldMode.STRICT if strict else HoldMode.PROGRESSIVE
