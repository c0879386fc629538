"""Google Cloud's billing export (standard usage cost), queried or saved as CSV.

Columns are those of the schema of `gcp_billing_export_v1_*` (docs.cloud.google.com/billing), with dots or underscores:
`service.description`, `sku.description`, `usage_start_time`, `usage.amount`, `cost`, `currency`, `cost_type`. Credits
are beside the cost, and so are not in it: list prices are what the ledger has. The model and the class are in the text
of the SKU, such as "Gemini 2.5 Flash Text Output - Predictions" or "Generate content input token count gemini 2.5 pro".
"""

from __future__ import annotations

import re

from gateway.ledger.exports.rows import Billed, Kind, Record, Records, day_of, dollars, kind_of, number, tier_of

SERVICES = re.compile(r"vertex|gemini|generative language|agent platform", re.IGNORECASE)
_GEMINI = re.compile(r"gemini[ -]*(\d+(?:\.\d+)?)[ -]*(pro|flash)(?:[ -]*(lite))?", re.IGNORECASE)
_CLAUDE = re.compile(r"claude[ -]*(?:(\w+)[ -]*)?(\d+(?:[.-]\d+)?)(?:[ -]*(opus|sonnet|haiku))?", re.IGNORECASE)


def read(records: Records) -> list[Billed]:
    """The rows of models. Raises ExportError."""
    return [_row(record) for record in records if _is_of_models(record)]


def _is_of_models(record: Record) -> bool:
    regular = record.get("cost_type", "") in {"", "regular"}
    return regular and SERVICES.search(record.get("service_description", "")) is not None


def _row(record: Record) -> Billed:
    sku = record.get("sku_description", "")
    kind = kind_of(sku)
    tokens = round(number(record.get("usage_amount"))) if kind is not Kind.OTHER else None
    return Billed(
        day_of(record.get("usage_start_time")),
        model_in(sku),
        kind,
        tokens=tokens,
        amount=dollars(record.get("cost"), record.get("currency")),
        tier=tier_of(sku),
    )


def model_in(sku: str) -> str:
    """The model that a SKU's text names; the text itself where it names none."""
    if found := _GEMINI.search(sku):
        return "-".join(["gemini", *(part.lower() for part in found.groups() if part)])
    if found := _CLAUDE.search(sku):
        return "-".join(["claude", *(part.lower() for part in found.groups() if part)])
    return sku
