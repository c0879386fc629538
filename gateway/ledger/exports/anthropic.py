"""Anthropic: pages of `/v1/organizations/usage_report/messages` and of `/v1/organizations/cost_report`.

Fields are those of the Admin API's reference (platform.claude.com/docs/en/api/admin): `uncached_input_tokens` leaves
caches out, `cache_creation` splits writes by lifetime, and a cost's `amount` is cents as a decimal text. Usage tells
its model with group_by[]=model, a cost its model and class with group_by[]=description.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.money import ZERO
from gateway.ledger.exports.rows import Billed, ExportError, Kind, Record, Records, day_of, dollars, kind_of, number

CENTS = 100
STANDARD = {"standard", "None", ""}


def read(records: Records) -> list[Billed]:
    """Rows of both kinds of report. Raises ExportError."""
    return [row for record in records for row in (_cost(record) if "amount" in record else _usage(record))]


def _usage(record: Record) -> Iterator[Billed]:
    if "uncached_input_tokens" not in record:
        return
    written = record.get("cache_creation") or {}
    if not isinstance(written, dict):
        raise ExportError(f"cache_creation is {written!r}, not an object")
    counts = {
        Kind.INPUT: number(record["uncached_input_tokens"]),
        Kind.CACHE_READ: number(record.get("cache_read_input_tokens")),
        Kind.CACHE_WRITE: sum(number(count) for count in written.values()),
        Kind.OUTPUT: number(record.get("output_tokens")),
    }
    for kind, count in counts.items():
        if count:
            yield Billed(_day(record), str(record.get("model") or ""), kind, tokens=int(count), tier=_tier(record))


def _cost(record: Record) -> Iterator[Billed]:
    spent = dollars(record["amount"], record.get("currency"), per=CENTS)
    if spent != ZERO:
        kind = kind_of(str(record.get("token_type") or "")) if record.get("cost_type") == "tokens" else Kind.OTHER
        yield Billed(_day(record), str(record.get("model") or ""), kind, amount=spent, tier=_tier(record))


def _tier(record: Record) -> str:
    tier = str(record.get("service_tier") or "")
    return "" if tier in STANDARD else tier


def _day(record: Record) -> str:
    return day_of(record.get("starting_at"))
