"""Amazon Bedrock in the Cost and Usage Report, as CSV: both the legacy columns (`lineItem/UsageType`) and those of
CUR 2.0 (`line_item_usage_type`).

Columns are those of the CUR user guide; usage types those of "Understanding your Amazon Bedrock Cost and Usage Report
data" in Bedrock's user guide: `*-input-tokens`, `*-output-tokens`, `*-cache-read-input-token-count`,
`*-cache-write-input-token-count`, with the region before and the model between ("USE1-Claude3.5Sonnet-input-tokens").
Models sold through the marketplace have usage types without a model ("USE1-MP:USE1_InputTokenCount-Units"): there
the product's name tells it. Quantities are in the unit of `pricing_unit`.
"""

from __future__ import annotations

import re

from gateway.ledger.exports.rows import Billed, Kind, Record, Records, day_of, dollars, kind_of, number, tier_of

CHARGES = {"", "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"}
"""Line items that are for usage; taxes, credits and fees are not."""

_MODEL = re.compile(
    r"^(?:[A-Z]{2,4}\d?-)?(.*?)-(?:mantle-)?(?:batch-)?"
    r"(?:input|output|cache-(?:read|write))(?:-input)?-(?:tokens?|token-count).*$",
    re.IGNORECASE,
)


def read(records: Records) -> list[Billed]:
    """The rows that are Bedrock's. Raises ExportError."""
    return [_row(record) for record in records if _is_bedrock(record)]


def _is_bedrock(record: Record) -> bool:
    named = f"{record.get('line_item_product_code', '')} {record.get('product_product_name', '')}"
    return "bedrock" in named.lower() and record.get("line_item_line_item_type", "") in CHARGES


def _row(record: Record) -> Billed:
    usage_type = record.get("line_item_usage_type", "")
    kind = kind_of(re.sub(r"([a-z])([A-Z])", r"\1 \2", usage_type))
    unit = f"{record.get('pricing_unit', '')} {usage_type}".lower()
    tokens = number(record.get("line_item_usage_amount")) * _per(unit) if kind is not Kind.OTHER else None
    return Billed(
        day_of(record.get("line_item_usage_start_date")),
        _model(record, usage_type),
        kind,
        tokens=None if tokens is None else round(tokens),
        amount=dollars(record.get("line_item_unblended_cost"), record.get("line_item_currency_code")),
        tier=tier_of(usage_type),
    )


def _per(unit: str) -> int:
    """Tokens in one of the unit. The marketplace counts millions as "Units"."""
    if "1k" in unit or "thousand" in unit:
        return 1000
    return 10**6 if "1m" in unit or "million" in unit or "units" in unit else 1


def _model(record: Record, usage_type: str) -> str:
    found = _MODEL.match(usage_type)
    if found:
        return found[1]
    return re.sub(r"\s*\(Amazon Bedrock Edition\)", "", record.get("product_product_name", ""))
