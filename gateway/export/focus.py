"""Charges in the words of FOCUS, the FinOps Open Cost and Usage Specification, versions 1.2 and 1.4.

One row for each hour, meter and payer: a meter is one class of tokens of one deployment at one rate. What rates and
counters do not explain is a row of its own, so that the rows add up to the ledger to the pico-dollar.

Columns and their rules: https://focus.finops.org/focus-specification/. 1.3 and later call the provider and the
publisher service provider and host provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.lines import Line, of_entry
from gateway.core.money import ZERO, Money
from gateway.core.price import Price
from gateway.export.calls import Value, dollars

VERSIONS = ("1.2", "1.4")
HOUR_S = 3600
MILLION = 10**6

UNITS = {
    "requests": "Requests",
    "cached_answer": "Requests",
    "web_searches": "Searches",
    "file_searches": "Searches",
    "x_searches": "Searches",
    "map_searches": "Searches",
    "code_sessions": "Sessions",
    "search_units": "Searches",
    "images": "Images",
    "pages": "Pages",
    "characters": "Characters",
    "audio_ms": "Milliseconds",
}
"""What is counted, where it is not tokens."""

_NUMBERS = (
    *("BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost"),
    *("ListUnitPrice", "PricingQuantity", "x_SavedCost"),
)
_COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"),
    *("ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId"),
    *("ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
    *("x_AskedModel", "x_CostStatus", "x_KeyId", "x_Requests", "x_SavedCost", "x_Tier"),
)
_RENAMED = {"ProviderName": "ServiceProviderName", "PublisherName": "HostProviderName"}


@dataclass(frozen=True, slots=True)
class Meter:
    """What rows are told apart by, beside the hour."""

    provider: str
    model: str
    service_tier: str
    kind: str
    rate: Money | None
    of_tokens: bool
    unbilled: bool  # Of our own, at a price that nobody sends a bill for.
    org: str
    team: str
    user: str
    key_id: str
    tags: tuple[str, ...]
    asked_model: str
    tier: str
    cost_status: str


@dataclass(slots=True)
class Sum:
    """What a meter has come to in an hour."""

    count: int = 0
    amount: Money = ZERO
    saved: Money = ZERO
    calls: int = 0

    def add(self, line: Line, saved: Money, calls: int) -> None:
        """One more line."""
        self.count += line.count
        self.amount += line.amount
        self.saved += saved
        self.calls += calls


class Charges:
    """The rows of some entries, which come oldest first. `unpriced` tells afterwards how many entries have no price:
    they are in no row, since a charge must have an amount and unknown is not zero."""

    def __init__(self, prices: Mapping[str, Price], version: str) -> None:
        self._prices = prices
        self._renamed = version != VERSIONS[0]
        self.unpriced = 0

    def rows(self, entries: Iterable[Entry]) -> Iterator[dict[str, Value]]:
        """Row by row; no more than an hour is in memory at once."""
        hour, sums = 0, dict[Meter, Sum]()
        for entry in entries:
            began = int(entry.at // HOUR_S) * HOUR_S
            if began != hour:
                yield from self._told(hour, sums)
                hour, sums = began, {}
            self._add(sums, entry)
        yield from self._told(hour, sums)

    def _add(self, sums: dict[Meter, Sum], entry: Entry) -> None:
        cached = entry.outcome is Outcome.CACHED
        found = [Line("cached_answer", 1, ZERO, ZERO)] if cached else of_entry(entry, self._prices)
        if found is None and entry.cost.total is not None:  # The rates that it was booked at are gone.
            found = [Line("other", 1, None, entry.cost.total)]
        if found is None:
            self.unpriced += 1
            return
        saved, calls = Money.of_nanos(entry.saved_nanos), int(entry.outcome not in NO_CALLS)
        for line in found:
            sums.setdefault(_meter(entry, line), Sum()).add(line, saved, calls)
            saved, calls = ZERO, 0  # Once a call.

    def _told(self, hour: int, sums: Mapping[Meter, Sum]) -> Iterator[dict[str, Value]]:
        for meter, total in sums.items():
            row = _row(hour, meter, total)
            if self._renamed:
                row = {_RENAMED.get(name, name): value for name, value in row.items()}
            yield row


def columns(version: str) -> dict[str, type]:
    """The columns in order, and what is in each of them."""
    numbers = dict.fromkeys(_NUMBERS, Decimal) | {"x_Requests": int}
    names = _COLUMNS if version == VERSIONS[0] else [_RENAMED.get(name, name) for name in _COLUMNS]
    return {name: numbers.get(name, str) for name in names}


def _meter(entry: Entry, line: Line) -> Meter:
    caller = entry.caller
    return Meter(
        provider=entry.provider or "fareway",
        model=line.model or entry.model or entry.asked_model,
        service_tier=entry.service_tier,
        kind=line.kind,
        rate=line.rate,
        of_tokens=line.of_tokens,
        unbilled=entry.selfhosted and not entry.of_machine,
        org=caller.org,
        team=caller.team,
        user=caller.user,
        key_id=caller.key_id,
        tags=(*caller.tags, *caller.brought_tags),
        asked_model=entry.asked_model,
        tier=entry.tier,
        cost_status=entry.cost.status.value,
    )


def _row(hour: int, meter: Meter, total: Sum) -> dict[str, Value]:
    cost = dollars(total.amount)
    return {
        **_account(hour, meter),
        "BilledCost": Decimal(0) if meter.unbilled else cost,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "ListCost": cost,
        **_charge(meter, total),
        **_service(meter),
        "x_CostStatus": meter.cost_status,
        "x_AskedModel": meter.asked_model,
        "x_Tier": meter.tier,
        "x_KeyId": meter.key_id,
        "x_Requests": total.calls,
        "x_SavedCost": dollars(total.saved),
    }


def _account(hour: int, meter: Meter) -> dict[str, Value]:
    began = datetime.fromtimestamp(hour, UTC)
    month = began.replace(day=1, hour=0)
    next_month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    return {
        "BillingAccountId": meter.provider,
        "BillingAccountName": None,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _moment(month),
        "BillingPeriodEnd": _moment(next_month),
        "ChargePeriodStart": _moment(began),
        "ChargePeriodEnd": _moment(datetime.fromtimestamp(hour + HOUR_S, UTC)),
        "SubAccountId": meter.team or meter.org or meter.key_id,
        "SubAccountName": None,
        "Tags": _tags(meter),
    }


def _tags(meter: Meter) -> str:
    """Ids alone: names may be personal data."""
    named = {"org": meter.org, "team": meter.team, "user": meter.user, "key": meter.key_id}
    told: dict[str, str | bool] = {name: value for name, value in named.items() if value}
    return json.dumps(told | dict.fromkeys(meter.tags, True), sort_keys=True)


def _charge(meter: Meter, total: Sum) -> dict[str, Value]:
    """What was charged for, and how much of it. Without a rate it is an adjustment: an amount and no quantity."""
    priced, sku = meter.rate is not None, f"{meter.provider}/{meter.model}/{meter.kind}"
    unit = "Tokens" if meter.of_tokens else UNITS.get(meter.kind, "Units")
    each = MILLION if meter.of_tokens else 1  # Rates of tokens are told by the million.
    rate = dollars(None if meter.rate is None else Money(meter.rate.picos * each))
    return {
        "ChargeCategory": "Usage" if priced else "Adjustment",
        "ChargeClass": None,
        "ChargeDescription": f"{meter.kind.replace('_', ' ')} of {meter.model} at {meter.provider}",
        "ChargeFrequency": "Usage-Based" if priced else "One-Time",
        "ConsumedQuantity": Decimal(total.count) if priced else None,
        "ConsumedUnit": unit if priced else None,
        "PricingCategory": "Standard" if priced else None,
        "PricingQuantity": Decimal(total.count) / each if priced else None,
        "PricingUnit": (f"{each} {unit}" if each > 1 else unit) if priced else None,
        "ListUnitPrice": rate,
        "ContractedUnitPrice": rate,
        "SkuId": sku if priced else None,
        "SkuPriceId": f"{sku}/{meter.service_tier or 'standard'}/{rate}" if priced else None,
        "SkuMeter": meter.kind if priced else None,
    }


def _service(meter: Meter) -> dict[str, Value]:
    return {
        "InvoiceIssuerName": meter.provider,
        "ProviderName": meter.provider,
        "PublisherName": meter.provider,
        "RegionId": None,
        "RegionName": None,
        "ResourceId": f"{meter.provider}/{meter.model}",
        "ResourceName": meter.model,
        "ResourceType": "Model",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": meter.provider,
        "ServiceSubcategory": "Generative AI",
    }


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
