"""What real providers answered, read by the dialects and priced by the book: our figure beside the expected one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import reduce
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gateway.catalog.providers import KNOWN
from gateway.core.costing import priced, settling_price, with_doubt
from gateway.core.price import UNPRICED, Cost, CostStatus, total
from gateway.core.usage import Report
from gateway.dialects.base import Dialect, Quirk
from gateway.dialects.batches import read_results
from gateway.dialects.spoken import DIALECTS
from gateway.prices.book import PriceBook

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[3] / "shared")
FOLDER = SHARED / "data" / "recorded"
NAMES = {"x-ai": "xai", "aws": "bedrock"}  # The gateway's own names of providers, where they differ.
BATCH = "batch output file (responses)"
SPOKEN = {
    "chat.completions": "openai-chat",
    "openai-compat chat": "openai-chat",
    "models chat.completions": "openai-chat",
    "embeddings": "openai-embeddings",
    "images": "openai-images",
    "responses": "openai-responses",
    "responses (bedrock-mantle)": "openai-responses",
    BATCH: "openai-responses",
    "messages": "anthropic-messages",
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "converse": "bedrock-converse",
    "converse-stream": "bedrock-converse",
    "v2/chat": "cohere-chat",
}
PICO = Decimal("1e-12")


@dataclass(frozen=True)
class Case:
    """One recording. `verdict`: exact, explained (nobody knows what it costs, and we say so), wrong or skipped."""

    file: str
    ours: str | None
    status: str
    expected: str | None
    genai_prices: str | None
    verdict: str


def cases(book: PriceBook) -> list[Case]:
    """Every recording there is; none where the shared data is not."""
    index = FOLDER / "index.json"
    return [_case(entry, book) for entry in json.loads(index.read_text())] if index.exists() else []


def _case(entry: dict[str, Any], book: PriceBook) -> Case:
    theirs = entry["genai_prices_0_2_3_usd"]
    expected = entry["expected_cost_usd"] or entry["provider_reported_cost_usd"]
    dialect = DIALECTS.get(SPOKEN[entry["api"]])
    if dialect is None:
        return Case(entry["file"], None, f"no dialect {SPOKEN[entry['api']]} yet", expected, theirs, "skipped")
    provider = KNOWN[NAMES.get(entry["provider"], entry["provider"])]
    at = datetime.fromisoformat(entry["created"] or f"{book.date}T12:00:00+00:00").timestamp()
    reports = list(_reports(entry, dialect, provider.quirks))
    cost = total([_cost(report, entry["model"] or report.model, entry["provider"], at, book) for report in reports])
    ours = cost.total.decimal if cost.total is not None else None
    return Case(entry["file"], ours, cost.status, expected, theirs, _verdict(cost, expected))


def _verdict(cost: Cost, expected: str | None) -> str:
    if expected is None:
        return "explained" if cost.status in {CostStatus.UNPRICED, CostStatus.UNCERTAIN} else "wrong"
    due = Decimal(expected).quantize(PICO, ROUND_CEILING) if cost.total is not None else None
    return "exact" if cost.total is not None and Decimal(cost.total.decimal) == due else "wrong"


def _cost(report: Report, model: str, provider: str, at: float, book: PriceBook) -> Cost:
    """As a call is settled."""
    if report.usage is None:
        return UNPRICED

    def price_of(name: str):
        return book.price(provider, name, at)

    price = settling_price(model, report.model, price_of(model), price_of)
    cost, _ = priced(report.usage, report.turns, report.service_tier, price, price_of)
    if report.cost is not None:
        return replace(cost, total=report.cost, status=CostStatus.REPORTED)
    return with_doubt(cost, model, report.model, clamped=report.clamped)


def _reports(entry: dict[str, Any], dialect: Dialect, quirks: frozenset[Quirk]) -> Iterator[Report]:
    body = (FOLDER / entry["file"]).read_bytes()
    if entry["api"] == BATCH:
        yield from (result.report for result in read_results(body.splitlines(), dialect))
    elif entry["stream"]:
        yield reduce(lambda before, data: dialect.report(data, quirks, before), _events(entry["file"], body), Report())
    else:
        yield dialect.report(body, quirks)


def _events(file: str, body: bytes) -> Iterator[bytes]:
    """The data of each event: server-sent, a line of JSON each, or decoded from AWS's binary stream."""
    if file.endswith(".sse"):
        yield from (line[5:].strip() for line in body.splitlines() if line.startswith(b"data:"))
    elif file.endswith(".jsonl"):
        yield from body.splitlines()
    else:
        for event in json.loads(body)["events"]:
            yield from (json.dumps(payload).encode() for payload in event.values() if isinstance(payload, dict))
