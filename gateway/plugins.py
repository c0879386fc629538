"""Finding a policy by its dotted name: built-in ones load like anybody's."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from gateway.core.route import Policy, Signal


class NoPolicy(ValueError):
    """The dotted name leads to no policy."""


class Plugin(NamedTuple):
    """A policy, and what it has to be told."""

    choose: Policy
    reads: frozenset[Signal]
    params: Mapping[str, Callable[[Any], Any]] | None = None
    """How each of its parameters is read; None where it takes whatever it is given. A reader raises ValueError."""
    name: str = ""  # By which it was found.


def load_policy(dotted: str) -> Plugin:
    """`policies.cheapest` is the function `choose` in that module, with its `READS` and `PARAMS`. Raises NoPolicy,
    saying what is missing."""
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise NoPolicy(f"there is no module {dotted!r}: {error}") from error
    choose = getattr(module, "choose", None)
    if not callable(choose):
        raise NoPolicy(f"{dotted!r} has no function `choose(request, candidates, context)`")
    try:
        reads = frozenset(Signal(word) for word in getattr(module, "READS", ()))
    except ValueError as error:
        raise NoPolicy(f"{dotted!r}: READS may name {', '.join(Signal)}: {error}") from error
    params = getattr(module, "PARAMS", None)
    if params is not None and not (isinstance(params, Mapping) and all(map(callable, params.values()))):
        raise NoPolicy(f"{dotted!r}: PARAMS must map the name of each parameter to a function that reads it")
    return Plugin(cast("Policy", choose), reads, params, dotted)
