"""Numbers that cost something to find out: found for the policies that read them, and unknown to all others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.rating import NO_CLUSTER, Arm, Decided
from gateway.core.request import Request
from gateway.core.route import Candidate, Decision, Signal
from gateway.journey.option import Option
from gateway.plugins import Plugin

Predict = Callable[[Request, Collection[Candidate]], Mapping[str, float]]
"""The chance that each candidate's answer is good, by the candidate's name; those that nothing is known of are left
out."""


Guarding = Callable[[Request, Sequence[Candidate], Decision, Money | None], tuple[Decision, Arm]]
"""The last word on a decision that rests on predictions, with what is left to spend. See `Guard.ruled`."""

Stated = Mapping[str, Mapping[str, Any]]
"""Numbers of candidates, by the candidate's name and the number's."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Where they come from. What is not there leaves its number unknown."""

    predict: Predict | None = None
    slow: Callable[[str, bool], float | None] | None = None  # A deployment's p95 to the first token, if it streams.
    cluster: Callable[[Request], int] | None = None  # Which kind of prompt it is.
    guard: Guarding | None = None
    stated: Stated = field(default_factory=dict)  # What somebody says, for trying.

    def added(self, reads: frozenset[Signal], request: Request, options: tuple[Option, ...]) -> tuple[Option, ...]:
        """The same options, with what the policy reads."""
        if Signal.SUCCESS in reads and self.predict is not None:
            chances = self.predict(request, [option.candidate for option in options])
            options = tuple([_likely(option, chances.get(option.candidate.name)) for option in options])
        if Signal.LATENCY in reads and self.slow is not None:
            slow, stream = self.slow, request.facts.stream
            options = tuple([_timed(option, slow(option.candidate.name, stream)) for option in options])
        if self.stated:
            options = stated(options, self.stated)
        return options

    def judged(
        self,
        plugin: Plugin,
        request: Request,
        candidates: Sequence[Candidate],
        decision: Decision,
        remaining: Money | None,
    ) -> tuple[Decision, Decided]:
        """What counts of a decision that rests on predictions or checks, and what is kept of it."""
        arm, cluster = Arm.NONE, NO_CLUSTER
        if self.guard is not None:
            decision, arm = self.guard(request, candidates, decision, remaining)
        if self.cluster is not None and Signal.SUCCESS in plugin.reads:
            cluster = self.cluster(request)
        return decision, Decided(plugin.name, cluster, arm)


def stated(options: tuple[Option, ...], numbers: Stated) -> tuple[Option, ...]:
    """The same options, with what somebody says of them, whatever else is known."""
    return tuple([_with(option, numbers.get(option.candidate.name, {})) for option in options])


def _with(option: Option, numbers: Mapping[str, Any]) -> Option:
    return replace(option, candidate=replace(option.candidate, **numbers))


def _timed(option: Option, p95_ms: float | None) -> Option:
    return replace(option, candidate=replace(option.candidate, first_token_p95_ms=p95_ms))


def _likely(option: Option, success: float | None) -> Option:
    return replace(option, candidate=replace(option.candidate, success=success))
