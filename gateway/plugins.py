"""Finding a policy by its dotted name: built-in ones load like anybody's."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from gateway.core.errors import GatewayError, PolicyFailed
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Policy, Signal


class NoPolicy(ValueError):
    """The dotted name leads to no policy."""


class Plugin(NamedTuple):
    """A policy, and what it has to be told."""

    choose: Policy
    reads: frozenset[Signal]
    params: Mapping[str, Callable[[Any], Any]] | None = None
    """How each of its parameters is read; None where it takes whatever it is given. A reader raises ValueError."""
    name: str = ""  # By which it was found.

    def decide(self, request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
        """What the policy says. Raises the GatewayError that it refuses with, or PolicyFailed."""
        try:
            decision: object = self.choose(request, candidates, context)
        except GatewayError:
            raise
        except Exception as error:
            raise self._failed() from error
        if not isinstance(decision, Decision):
            raise self._failed() from TypeError(f"choose() must return a Decision, not {type(decision).__name__}")
        return decision

    def _failed(self) -> PolicyFailed:
        return PolicyFailed(f"The routing policy {self.name} failed.")


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
        inspect.signature(choose).bind(None, (), None)
    except TypeError as error:
        raise NoPolicy(f"{dotted!r}: `choose` must take (request, candidates, context): {error}") from error
    try:
        reads = frozenset(Signal(word) for word in getattr(module, "READS", ()))
    except ValueError as error:
        raise NoPolicy(f"{dotted!r}: READS may name {', '.join(Signal)}: {error}") from error
    params = getattr(module, "PARAMS", None)
    if params is not None and not (isinstance(params, Mapping) and all(map(callable, params.values()))):
        raise NoPolicy(f"{dotted!r}: PARAMS must map the name of each parameter to a function that reads it")
    return Plugin(cast("Policy", choose), reads, params, dotted)
