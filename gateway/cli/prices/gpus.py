"""`fareway prices propose --gpus` and `approve --gpus`: what GPUs cost by the hour, as others list it."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import importlib
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from gateway.cli.prices.sources import NOTHING_THERE, REFUSED, document
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.core.money import Money
from gateway.prices.proposals import Move, ProposalError, Proposals, moves, proposal

COLUMNS = ("provider", "instance", "location", "gpu", "gpu_count", "spot", "before_usd", "after_usd", "change")

Row = Mapping[str, object]


def propose(parsed: argparse.Namespace) -> int:
    """Let a list wait for a yes. 4 where it looks suspicious: it waits all the same."""
    found = settings(parsed)
    home, day = Proposals(found.home), datetime.now(UTC).date().isoformat()
    try:
        before = home.approved()
        catalogue = proposal(
            listed(parsed.gpus),
            provider=parsed.provider,
            source=parsed.gpus,
            day=day,
            before=before,
            factor=found.prices.guard_factor,
        )
        home.propose(catalogue)
    except (ProposalError, OSError) as error:
        raise Unusable(f"nothing is proposed: {error}") from None
    rows = [_row(move) for move in moves(before, catalogue.offers)]
    if parsed.format == "json":
        told = {"day": day, "offers": len(catalogue.offers), "reasons": list(catalogue.reasons), "changes": rows}
        print(json.dumps(told, indent=2))
        return REFUSED if catalogue.reasons else 0
    if parsed.format == "table":
        print(f"{len(catalogue.offers)} offers wait for a yes (`fareway prices approve --gpus`); dollars per hour")
        for reason in catalogue.reasons:
            print(f"Look twice: {reason}")
    print_rows(rows, COLUMNS, parsed.format)
    return REFUSED if catalogue.reasons else 0


def approve_gpus(parsed: argparse.Namespace) -> int:
    """Say yes to what waits. 3 where nothing does."""
    try:
        merged = Proposals(settings(parsed).home).approve()
    except (ProposalError, OSError) as error:
        raise Unusable(f"nothing is approved: {error}") from None
    if merged is None:
        raise Unusable("no GPU prices wait for a yes", NOTHING_THERE)
    told: dict[str, object] = {"approved": True, "offers": len(merged.offers), "day": merged.day}
    if parsed.format == "table":
        print(f"approved: {len(merged.offers)} offers")
    elif parsed.format == "json":
        print(json.dumps(told, indent=2))
    else:
        print_rows([told], tuple(told), "csv")
    return 0


def listed(where: str) -> Iterable[Row]:
    """The rows of a CSV or JSON file, or what gpuhunt finds. Raises Unusable or ProposalError."""
    if where == "gpuhunt":
        return _hunted()
    body = document(where)
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.Decoder(list[dict[str, object]], float_hook=Decimal).decode(body)
        return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    except (msgspec.MsgspecError, RecursionError, ArithmeticError, UnicodeDecodeError, csv.Error) as error:
        raise ProposalError(f"{where} is neither CSV nor a JSON list: {error}") from None


def _hunted() -> Iterable[Row]:
    try:
        hunt = importlib.import_module("gpuhunt")
    except ImportError:
        raise Unusable("gpuhunt is not installed: pip install 'fareway[gpus]'") from None
    try:
        return [dataclasses.asdict(item) for item in hunt.query(min_gpu_count=1)]
    except Exception as error:  # noqa: BLE001 - whatever sixteen providers' clients may raise.
        raise Unusable(f"gpuhunt failed: {type(error).__name__}: {error}") from None


def _row(move: Move) -> dict[str, object]:
    offer = move.offer
    return {
        "provider": offer.provider,
        "instance": offer.instance,
        "location": offer.location,
        "gpu": offer.gpu,
        "gpu_count": offer.gpu_count,
        "spot": offer.spot,
        "before_usd": _dollars(move.before),
        "after_usd": _dollars(move.after),
        "change": move.words,
    }


def _dollars(nanos: int | None) -> str | None:
    return Money.of_nanos(nanos).decimal if nanos is not None else None
