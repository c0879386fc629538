"""Checks for cascades: one pure function a file. Like policies, they know the words of gateway.core alone."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from gateway.core.reply import Check


@cache
def named(name: str) -> Check:
    """`complete` is the function `check` of the module of that name here; a name with dots that of any module. Raises
    ValueError, saying what is missing."""
    dotted = name if "." in name else f"{__name__}.{name}"
    try:
        check = getattr(import_module(dotted), "check", None)
    except ImportError as error:
        raise ValueError(f"must be a check by its name, such as complete: {error}") from error
    if not callable(check):
        raise ValueError(f"must be a check by its name, such as complete: {dotted} has no function `check`")  # noqa: TRY004 - a wrong word
    return cast("Check", check)
