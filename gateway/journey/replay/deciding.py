"""Each call of the ledger is decided on again: candidates, policy and limits as a running gateway has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from gateway.catalog.providers import Deployment
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, GatewayError, PolicyFailed
from gateway.core.limit import Fare, HoldMode, Then
from gateway.core.node import Place
from gateway.core.request import Asked, Facts
from gateway.core.route import Signal
from gateway.dialects.framing import SSE
from gateway.dialects.spoken import DIALECTS
from gateway.journey.carriage import Carried, Carrier
from gateway.journey.option import Chosen, Option
from gateway.journey.question import Question
from gateway.journey.replay.budgets import Budgets
from gateway.journey.replay.recalled import Recalled
from gateway.journey.replay.standing import Standing
from gateway.journey.replay.timeline import Timeline
from gateway.journey.replay.warm import prefix_of
from gateway.journey.routing import Router
from gateway.journey.shape import request_of
from gateway.journey.visit import Visit
from gateway.limits.holds import Hold, Refused
from gateway.planning.elsewhere import Estimates, Worth
from gateway.planning.fates import Again, Fate
from gateway.prompt_cache.warmth import NOTHING
from gateway.tokens.calibration import Calibration
from gateway.tokens.size import Size
from gateway.translate.edge import Edge

NOT_DECIDED = {
    Outcome.CACHED: "answered from the cache",
    Outcome.PENDING: "a batch",
    Outcome.ADJUSTED: "an adjustment",
    Outcome.IDLE: "a machine's idle time",
}

CALLS_KEPT_MAX = 10_000
"""Calls that are remembered: a further attempt follows within minutes, or never."""

_NO_ANSWER = (Outcome.FAILED, Outcome.OUTRUN)

_NOTHING = Asked(b"")


class Counted(Calibration):
    """Of calls whose input the provider has counted: `Size.body` is that count."""

    def likely(self, size: Size, model: str) -> int:
        """See `Calibration.likely`."""
        del model
        return size.body


class Unseen(Carrier):
    """Of calls whose body is not there: whatever has an edge is taken to be carried."""

    def __init__(self) -> None:
        super().__init__(_NOTHING, lossy=True)

    def carried(self, edge: Edge, deployment: Deployment, output_tokens_max: int) -> Carried:
        """See `Carrier.carried`."""
        del output_tokens_max
        return Carried(edge, DIALECTS[edge.outbound], _NOTHING, Facts(deployment.model), (), SSE)


class _Went(Struct, frozen=True):
    """Where a call would have gone, with what is held for it."""

    option: Option
    hold: Hold
    why: str = ""
    way: str = ""
    more: str = ""


class Deciding:
    """See the module. `team`: only its calls are decided on again; empty for everybody's."""

    def __init__(
        self,
        router: Router,
        standing: Standing,
        budgets: Budgets,
        timeline: Timeline,
        *,
        refuse_unpriced: bool,
        recalled: Recalled | None = None,
        team: str = "",
    ) -> None:
        self._router = router
        self._standing = standing
        self._budgets = budgets
        self._timeline = timeline
        self._refuse_unpriced = refuse_unpriced
        self._recalled = recalled or Recalled()
        self._team = team
        self._carrier = Unseen()
        self._lately: dict[str, Again] = {}  # By request; others may follow: repeats, steps of a cascade, a hedge.

    def replayed(self, entries: Iterable[Entry], estimates: Estimates) -> Iterator[tuple[Again, Worth]]:
        """Every entry, oldest first, with what would have become of it and what it would have come to."""
        for entry in entries:
            self._timeline.go_to(entry.at)
            again, went = self._again(entry)
            worth = estimates.of(again)
            self._book(again, worth, went)
            self._standing.see(entry)
            yield again, worth

    def _again(self, entry: Entry) -> tuple[Again, _Went | None]:
        if entry.outcome in NOT_DECIDED:
            return Again(entry, Fate.LEFT, why=NOT_DECIDED[entry.outcome]), None
        before = self._lately.pop(entry.request_id, None)
        if before is not None:
            again, went = _next(before, entry), None
        elif why := self._left(entry):
            again, went = Again(entry, Fate.LEFT, why=why), None
        else:
            again, went = self._decided(entry)
        self._lately[entry.request_id] = again
        if len(self._lately) > CALLS_KEPT_MAX:
            del self._lately[next(iter(self._lately))]
        return again, went

    def _left(self, entry: Entry) -> str:
        """Why it is not decided on again; empty where it is."""
        if self._team and entry.caller.team != self._team:
            return "of another team"
        return "" if entry.shape.dialect in DIALECTS else "its shape is not in the ledger"

    def _decided(self, entry: Entry) -> tuple[Again, _Went | None]:
        question = self._question(entry)
        self._recalled.see(entry)
        try:
            options = self._router.options(question.request, question.size, self._carrier)
            try:
                went = self._hold(entry, question, options)
            except Refused as refused:
                went = self._around(entry, question, refused)
        except Refused as refused:
            return Again(entry, Fate.REFUSED, why=_limit(refused), way=Then.REFUSE), None
        except PolicyFailed:
            raise
        except GatewayError as error:
            return Again(entry, Fate.UNSERVED, why=str(error)), None
        return _gone(entry, went), went

    def _question(self, entry: Entry) -> Question:
        request, shape = request_of(entry), entry.shape
        size = Size(entry.usage.input_total or shape.input_max, shape.turns)
        prefix = prefix_of(entry) if Signal.WARMTH in self._router.reads(request.facts) else NOTHING
        mode = HoldMode.STRICT if self._budgets.strict(entry.caller) else HoldMode.PROGRESSIVE
        return Question(request, DIALECTS[shape.dialect], _NOTHING, {}, mode, size, self._carrier, prefix=prefix)

    def _hold(self, entry: Entry, question: Question, options: tuple[Option, ...]) -> _Went:
        """As `hold_for_first` does. Raises Refused or BadRequest."""
        caller = entry.caller
        needs_price = self._refuse_unpriced and self._budgets.guarded(caller)
        chosen = self._router.choose(
            question.request,
            options,
            self._budgets.remaining(caller),
            needs_price=needs_price,
            burn=self._budgets.burn(caller) if Signal.BURN in self._router.reads(question.request.facts) else None,
            prefix=question.prefix,
        )
        refused: GatewayError | None = None
        for option in chosen.plan:
            try:
                hold = self._budgets.hold(caller, option.candidate.place, question.fare(option)[0])
            except BadRequest as error:
                refused = refused or error
            except Refused as error:
                if not error.refusal.elsewhere:
                    raise
                refused = error
            else:
                return _Went(option, hold, more=_more(chosen))
        assert refused is not None, "a plan is never empty"
        raise refused

    def _around(self, entry: Entry, question: Question, refused: Refused) -> _Went:
        """The other way that the limit knows. What a queue or a shorter answer would have come to nobody knows: such
        calls are made as they were. Raises Refused where there is none."""
        way, why = refused.account.limit.on_reached, _limit(refused)
        if way.then is Then.REFUSE:
            raise refused
        if way.then is not Then.DOWNGRADE:
            return self._anyhow(question, why, way.then)
        request = question.request
        other = replace(question, request=replace(request, facts=replace(request.facts, model=way.tier)))
        try:
            options = self._router.options(other.request, other.size, self._carrier)
        except BadRequest:
            raise refused from None
        return replace(self._hold(entry, other, options), why=why, way=way.then)

    def _anyhow(self, question: Question, why: str, way: Then) -> _Went:
        options = self._router.options(question.request, question.size, self._carrier)
        chosen = self._router.choose(question.request, options, None, needs_price=False, prefix=question.prefix)
        return _Went(chosen.plan[0], Hold(()), why, way)

    def _book(self, again: Again, worth: Worth, went: _Went | None) -> None:
        entry = again.entry
        if again.fate in (Fate.REFUSED, Fate.UNSERVED) or entry.outcome is Outcome.CACHED:
            return
        ends, spent = entry.at + entry.duration_ms / 1000, _fare(worth)
        if went is not None and went.hold.accounts:
            self._budgets.settle(went.hold, ends, spent)
        else:
            place = again.place or Place(entry.provider, entry.tier, entry.model)
            self._budgets.spend(entry.caller, place, spent)
        if went is not None and went.option.expected is not None:
            visit = Visit(went.option.expected, self._timeline.clock)
            self._timeline.at(ends, partial(_ended, visit, replace(entry, usage=worth.usage)))


def _ended(visit: Visit, entry: Entry) -> None:
    """What is warm there is known from now on."""
    visit.settled(entry)
    visit.ended()


def _limit(refused: Refused) -> str:
    return f"{refused.account.node}: {refused.account.limit.counts}"


def _gone(entry: Entry, went: _Went) -> Again:
    candidate, was = went.option.candidate, entry.deployment
    tried = entry.attempts[0].partition(": ")[0] if entry.attempts else was
    if candidate.name in (tried, was):
        price = went.option.price if candidate.name == was else None
        return Again(entry, Fate.STAYED, None, price, went.why, went.way, more=went.more)
    return Again(entry, Fate.MOVED, candidate.place, went.option.price, went.why, went.way, more=went.more)


def _more(chosen: Chosen) -> str:
    return "cascade" if chosen.cascade is not None else "hedge" if chosen.hedge_after_ms is not None else ""


def _next(before: Again, entry: Entry) -> Again:
    """A further attempt of the same call. What went elsewhere did so with its first; what stayed is as it was."""
    price = None if before.place is None else before.price
    answered = before.answered or (before.fate is Fate.MOVED and before.entry.outcome not in _NO_ANSWER)
    return replace(before, entry=entry, goes_on=True, answered=answered, price=price)


def _fare(worth: Worth) -> Fare:
    usage, after = worth.usage, worth.after
    nanos = after.nanos_up if after is not None else 0
    calls = 1 if usage.requests else 0
    return Fare(nanos, usage.input_total, usage.output_total, requests=calls, concurrent=0)
