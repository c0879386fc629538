"""Providers' own figures: exports of usage and of costs, each vendor's shape read into the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.ledger.exports import anthropic, aws, azure, gcp, openai
from gateway.ledger.exports.rows import Billed, ExportError, Records, records

__all__ = ["PRICED_AS", "READERS", "Billed", "ExportError", "read"]

READERS: Mapping[str, Callable[[Records], list[Billed]]] = {
    "openai": openai.read,
    "anthropic": anthropic.read,
    "aws": aws.read,
    "gcp": gcp.read,
    "azure": azure.read,
}
"""By the names that people give these vendors."""

PRICED_AS: Mapping[str, str] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "aws": "aws",
    "gcp": "google",
    "azure": "azure",
}
"""And by those of the price book, which say what providers of the configuration they bill."""


def read(vendor: str, text: str) -> list[Billed]:
    """The rows of one file. Raises ExportError, which says what is wrong."""
    found = READERS[vendor](records(text))
    if not found:
        raise ExportError(f"nothing in it looks like an export of {vendor}")
    return found
