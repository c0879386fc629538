"""Readers of parameters: what a configuration says, checked at the start and turned into what a policy sees.

A policy names them in `PARAMS`. Each raises ValueError with what it must be, and an example. Text is read too, where
a number is meant: it comes from references to the environment and from the command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from gateway.core.route import TIERS

Reader = Callable[[Any], Any]

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000}


def number(least: float, most: float) -> Reader:
    """A number in this range, both ends included."""

    def read(value: Any) -> float:
        try:
            found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            found = None
        if found is None or not isfinite(found) or not least <= found <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}, such as {_between(least, most):g}")
        return found

    return read


def whole(least: int, most: int) -> Reader:
    """A whole number in this range, both ends included."""
    of_number = number(least, most)

    def read(value: Any) -> int:
        try:
            found: float = of_number(value)
        except ValueError:
            found = 0.5
        if found != int(found):
            raise ValueError(f"must be a whole number from {least} to {most}, such as {int(_between(least, most))}")
        return int(found)

    return read


def share(value: Any) -> float:
    """From 0 to 1, written as a percentage: "5%"."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError("must be a percentage, such as 5%")
    return float(found[1]) / 100


def milliseconds(value: Any) -> float:
    """A duration with its unit, more than none: "800ms", "2s"."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ms|s|m)", value) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("must be a duration with its unit, such as 800ms or 2s")
    return float(found[1]) * _MILLISECONDS[found[2]]


def usd(value: Any) -> float:
    """An amount of dollars, for what is weighed and never booked: "0.01 usd", "$0.01"."""
    found = (
        re.fullmatch(r"(?:\$ ?)?([0-9]{1,9}(?:\.[0-9]{1,12})?)(?: ?usd)?", value) if isinstance(value, str) else None
    )
    if found is None or ("$" in value) == ("usd" in value):
        raise ValueError("must be an amount of dollars, such as 0.01 usd")
    return float(found[1])


def word(*allowed: str) -> Reader:
    """One of these."""

    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)

    return read


tier = word(*TIERS)
"""One of TIERS."""


def _between(least: float, most: float) -> float:
    """An example: not an end, where there is anything between them."""
    return least + min(1.0, (most - least) / 2)
