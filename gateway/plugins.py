"""Finding a policy by its dotted name: built-in ones load like anybody's."""

from __future__ import annotations

import importlib
from typing import cast

from gateway.core.route import Policy


class NoPolicy(ValueError):
    """The dotted name leads to no policy."""


def load_policy(dotted: str) -> Policy:
    """`policies.cheapest` is the function `choose` in that module. Raises NoPolicy, saying what is missing."""
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise NoPolicy(f"there is no module {dotted!r}: {error}") from error
    choose = getattr(module, "choose", None)
    if not callable(choose):
        raise NoPolicy(f"{dotted!r} has no function `choose(request, candidates, context)`")
    return cast("Policy", choose)
