"""OpenAI: pages of `/v1/organization/usage/completions` and of `/v1/organization/costs`, and the dashboard's CSV.

Fields are those of UsageCompletionsResult and CostsResult in OpenAI's published OpenAPI document (2.3.0 and later):
`input_tokens` includes cached ones, and in newer versions cache writes; a cost's `amount` is {value, currency}. Usage
tells its model only when asked with group_by=model, a cost its class only with group_by=line_item, as
"gpt-4o-2024-08-06, cached input". In CSV the amount is `amount_value`, `amount_currency`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.money import ZERO
from gateway.ledger.exports.rows import Billed, Kind, Record, Records, day_of, dollars, kind_of, number, tier_of


def read(records: Records) -> list[Billed]:
    """Rows of both kinds of export. Raises ExportError."""
    return [row for record in records for row in (_cost(record) if _is_cost(record) else _usage(record))]


def _is_cost(record: Record) -> bool:
    return "amount" in record or "amount_value" in record


def _usage(record: Record) -> Iterator[Billed]:
    if "input_tokens" not in record:
        return
    given, cached = number(record["input_tokens"]), number(record.get("input_cached_tokens"))
    written = number(record.get("input_cache_write_tokens"))
    counts = {
        Kind.INPUT: given - cached - written,
        Kind.CACHE_READ: cached,
        Kind.CACHE_WRITE: written,
        Kind.OUTPUT: number(record.get("output_tokens")),
    }
    tier = "batch" if str(record.get("batch")).lower() == "true" else tier_of(str(record.get("service_tier")))
    for kind, count in counts.items():
        if count:
            yield Billed(_day(record), str(record.get("model") or ""), kind, tokens=int(count), tier=tier)


def _cost(record: Record) -> Iterator[Billed]:
    amount = record.get("amount")
    value, currency = record.get("amount_value"), record.get("amount_currency")
    if isinstance(amount, dict):
        value, currency = amount.get("value"), amount.get("currency")
    spent = dollars(value, currency)
    if spent != ZERO:
        item = str(record.get("line_item") or "")
        model, _, words = item.partition(", ")
        yield Billed(_day(record), model, kind_of(words), amount=spent, tier=tier_of(item))


def _day(record: Record) -> str:
    return day_of(record.get("start_time") or record.get("start_time_iso"))
