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
from gateway.journey.machines import Machines
from gateway.journey.option import Option
from gateway.journey.warmed import warmed
from gateway.plugins import Plugin
from gateway.prompt_cache.warmth import Prefix, Warmth

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
    warmth: Warmth | None = None
    machines: Machines | None = None  # Read whatever the policy is.
    stated: Stated = field(default_factory=dict)  # What somebody says, for trying.

    def added(
        self, reads: frozenset[Signal], request: Request, options: tuple[Option, ...], prefix: Prefix, now: float
    ) -> tuple[Option, ...]:
        """The same options, with what the policy reads, and with what calls add to the bill of machines of ours.
        `prefix`: the request's prompt, where it reads warmth."""
        if Signal.SUCCESS in reads and self.predict is not None:
            chances = self.predict(request, [option.candidate for option in options])
            options = tuple([_likely(option, chances.get(option.candidate.name)) for option in options])
        if Signal.LATENCY in reads and self.slow is not None:
            slow, stream = self.slow, request.facts.stream
            options = tuple([_timed(option, slow(option.candidate.name, stream)) for option in options])
        if Signal.WARMTH in reads and self.warmth is not None:
            guesses = {option.deployment.model: option.input_guess for option in options}
            options = tuple(
                [warmed(o, request, self.warmth, prefix, now, given=guesses[o.deployment.model]) for o in options]
            )
        if self.machines is not None:
            options = self.machines.priced(options, request, now)
        if self.stated:
            options = stated(options, self.stated)
        return options

    def stays(self, reads: frozenset[Signal], request: Request) -> str:
        """The deployment that answered this conversation last; empty where nobody has, or nobody asks."""
        if Signal.WARMTH not in reads or self.warmth is None:
            return ""
        return self.warmth.stays(request.key_id, request.facts.session)

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
