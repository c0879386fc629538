"""Checks for cascades: one pure function a file. Like policies, they know the words of gateway.core alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from gateway.core.reply import Check


def named(name: Any) -> Check:
    """`complete` is the function `check` of the module of that name here; a name with dots that of any module. Raises
    ValueError, saying what is missing."""
    wrong = "must be a check by its name, such as complete or agreement"
    if not isinstance(name, str):
        raise ValueError(wrong)  # noqa: TRY004 - What every reader of a parameter raises.
    dotted = name if "." in name else f"{__name__}.{name}"
    try:
        check = getattr(import_module(dotted), "check", None)
    except Exception as error:  # A check is anybody's code, and may fail in any way when it is loaded.
        raise ValueError(f"{wrong}: {error}") from error
    if callable(check):
        return cast("Check", check)
    raise ValueError(f"{wrong}: {dotted} has no function `check(request, replies, params)`")
