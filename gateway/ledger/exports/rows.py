"""One row of a bill, and reading files into plain records: JSON pages of buckets, or CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from msgspec import Struct

from gateway.core.money import PICOS_PER_DOLLAR, Money

Record = Mapping[str, Any]
Records = list[dict[str, Any]]


LARGEST = 10**15
"""A larger figure is no count and no amount of anybody's."""


class ExportError(ValueError):
    """A file cannot be read as an export. The message says why, for a person."""


class Kind(StrEnum):
    """Classes that every provider's bill can be sorted into."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    OTHER = "other"  # Fees, searches, and what a bill does not say the class of.


class Billed(Struct, frozen=True):
    """So much of one class of one model, on one day (UTC)."""

    day: str  # 2026-11-20
    model: str  # As the provider's export writes it.
    kind: Kind
    tokens: int | None = None  # None: this export tells amounts only.
    amount: Money | None = None  # None: this one tells tokens only. Rounded to the pico-dollar.
    tier: str = ""  # "batch" or another, where the export says it.


def records(text: str) -> Records:
    """The records of a file. Keys of CSV are in lower case, words joined by "_"; numbers of JSON stay exact. Raises
    ExportError."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start in {"{", "["}:
        return list(_of_pages(text))
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    try:
        return [{_key(name): value or "" for name, value in row.items() if name} for row in rows]
    except csv.Error as error:
        raise ExportError(f"it is not readable as CSV: {error}") from None


def _of_pages(text: str) -> Iterator[dict[str, Any]]:
    """Pages one after the other, or in a list; each with buckets of results. A result gets its bucket's start."""
    decoder, at, text = json.JSONDecoder(parse_float=Decimal), 0, text.lstrip("\ufeff").strip()
    while at < len(text):
        try:
            page, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise ExportError(f"it is not readable as JSON: {error}") from None
        while at < len(text) and text[at].isspace():
            at += 1
        for each in page if isinstance(page, list) else [page]:
            yield from _of_page(each)


def _of_page(page: Any) -> Iterator[dict[str, Any]]:
    for bucket in page.get("data", [page]) if isinstance(page, dict) else []:
        results = bucket.get("results", []) if isinstance(bucket, dict) else []
        start = {name: bucket[name] for name in ("start_time", "starting_at") if name in bucket} if results else {}
        yield from (start | result for result in results if isinstance(result, dict))


def _key(name: str) -> str:
    """`lineItem/UsageType`, `sku.description` and `MeterName` as line_item_usage_type, sku_description, meter_name."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def day_of(value: Any) -> str:
    """The UTC day of unix seconds, of an RFC 3339 moment, or of a date (also as 11/20/2026). Raises ExportError."""
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{9,11}", text):
            return datetime.fromtimestamp(int(text), UTC).date().isoformat()
        if found := re.fullmatch(r"(\d\d?)/(\d\d?)/(\d{4})", text):
            return date(int(found[3]), int(found[1]), int(found[2])).isoformat()
        moment = datetime.fromisoformat(re.sub(r"\s*UTC$", "+00:00", text))
    except ValueError:
        raise ExportError(f"{text!r} is not a day") from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date().isoformat()


def number(value: Any) -> Decimal:
    """A number, also as text; nothing is nought. Raises ExportError."""
    try:
        found = Decimal(str(value).replace(",", "").strip() or 0) if value is not None else Decimal(0)
    except InvalidOperation:
        raise ExportError(f"{value!r} is not a number") from None
    if not found.is_finite() or abs(found) > LARGEST:
        raise ExportError(f"{value!r} is not a number")
    return found


def dollars(value: Any, currency: Any = "USD", *, per: int = 1) -> Money:
    """An amount of dollars, or of `per` of a dollar, to the nearest pico-dollar. Raises ExportError."""
    if str(currency or "USD").upper() != "USD":
        raise ExportError(f"amounts in {currency} cannot be compared: export them in US dollars")
    return Money(round(number(value) * PICOS_PER_DOLLAR / per))


def kind_of(words: str) -> Kind:
    """The class that a description names."""
    text = words.lower().replace("_", " ")
    if re.search(r"(?<!un)cach|cchd", text):
        return Kind.CACHE_WRITE if re.search(r"writ|creat|wrt", text) else Kind.CACHE_READ
    if re.search(r"out(put|p|pt)?\b|output", text):
        return Kind.OUTPUT
    return Kind.INPUT if re.search(r"\binp?t?\b|input", text) else Kind.OTHER


def tier_of(words: str) -> str:
    """The service tier that a description names; empty for the standard one."""
    found = re.search(r"batch|flex|priority|provisioned", words.lower())
    return found[0] if found else ""
