"""Azure's cost details, as CSV from an export of Cost Management or the portal.

Columns are those of "Understand cost details fields" (learn.microsoft.com/azure/cost-management-billing), whose case
and names differ by agreement: `Date` or `UsageDateTime`, `MeterCategory`, `MeterName`, `Quantity` or `UsageQuantity`,
`UnitOfMeasure`, `CostInUsd`, `CostInBillingCurrency` or `PreTaxCost`. The model and the class are in the meter's name,
such as "gpt-4o-mini-0718-Inp-glbl Tokens": no list of these names is published, so what is not understood is shown
as it stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gateway.core.money import Money
from gateway.ledger.exports.rows import Billed, Kind, Record, Records, day_of, dollars, kind_of, number, tier_of

OF_MODELS = re.compile(r"openai|foundry|cognitive|azure ai", re.IGNORECASE)
_CLASS = re.compile(r"[ -]+(?:cached|cchd|cache|inp|input|in|outp|output|out|opt|batch)\b.*$", re.IGNORECASE)


def read(records: Records) -> list[Billed]:
    """The rows of models. Raises ExportError."""
    return [_row(record) for record in records if _is_of_models(record)]


def _is_of_models(record: Record) -> bool:
    named = " ".join(str(record.get(name, "")) for name in ("meter_category", "meter_sub_category", "product_name"))
    charged = record.get("charge_type", "") in {"", "Usage"}
    return charged and OF_MODELS.search(named) is not None


def _row(record: Record) -> Billed:
    meter = record.get("meter_name", "")
    kind = kind_of(meter.replace("-", " "))
    unit = f"{record.get('unit_of_measure', '')} {meter}".lower()
    per = 1000 if "1k" in unit else 10**6 if "1m" in unit else 1
    quantity = number(_first(record, ("quantity", "usage_quantity"))) * per
    return Billed(
        day_of(_first(record, ("date", "usage_date_time", "usage_date"))),
        _CLASS.sub("", meter),
        kind,
        tokens=round(quantity) if kind is not Kind.OTHER else None,
        amount=_amount(record),
        tier=tier_of(meter),
    )


def _amount(record: Record) -> Money:
    in_usd = _first(record, ("cost_in_usd", "cost_usd", "pre_tax_cost_in_usd"))
    if in_usd:
        return dollars(in_usd)
    currency = _first(record, ("billing_currency", "billing_currency_code", "currency"))
    return dollars(_first(record, ("cost_in_billing_currency", "cost", "pre_tax_cost")), currency)


def _first(record: Record, names: Iterable[str]) -> Any:
    return next((record[name] for name in names if record.get(name)), None)
