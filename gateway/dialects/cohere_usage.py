"""What Cohere charges for: `billed_units`, never `tokens`, which hold a template that nobody pays for.

https://docs.cohere.com/docs/how-does-cohere-pricing-work
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gateway.core.usage import Extras, Usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX

_TOKENS = ("input_tokens", "output_tokens")
_UNPRICED = ("classifications", "images", "image_tokens")
"""Units of other endpoints: no rate is known for them here."""


def read_units(units: Any) -> tuple[Usage | None, bool]:
    """The counters of `billed_units`, and whether they had to be mended, or hold what has no rate. None if there are
    neither tokens nor search units."""
    if not isinstance(units, Mapping):
        return None, units is not None
    (given, made), bad = _counts(units, _TOKENS)
    (searches,), worse = _counts(units, ("search_units",))
    other, unclear = _counts(units, _UNPRICED)
    if (given is None and made is None and searches is None) or bad or worse:
        return None, True
    extras = Extras(search_units=searches) if searches else None
    return Usage(input=given or 0, output=made or 0, extras=extras), unclear or any(other)


def _counts(units: Mapping[str, Any], names: tuple[str, ...]) -> tuple[list[int | None], bool]:
    """These units, None for one that is not there, and whether one counts nothing. They may be floats."""
    values = [units.get(name) for name in names]
    bad = [value is not None and not _is_count(value) for value in values]
    return [
        None if value is None or wrong else math.ceil(value) for value, wrong in zip(values, bad, strict=True)
    ], any(bad)


def _is_count(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= TOKENS_CREDIBLE_MAX
