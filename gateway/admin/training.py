"""Training jobs: starting one, its heartbeats, its end, and an admin's yes or stop."""

from __future__ import annotations

from argparse import ArgumentTypeError
from fractions import Fraction
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.names import Above, Text, Word
from gateway.admin.site import ADMIN, CHANGING, READING, Call, Route, page
from gateway.core.caller import Caller, Role
from gateway.core.errors import BadRequest, Forbidden
from gateway.core.money import Money
from gateway.front.own_key import moment_text
from gateway.planning.amounts import times
from gateway.planning.gpus import Tier, catalogue
from gateway.plans.arguments import dollars
from gateway.training.desk import Desk, new_id
from gateway.training.job import Job, Progress, State

SEEING = READING | {Role.CALLER}
HAVING = CHANGING | {Role.CALLER}
"""Who may have jobs: also the holder of a plain key, who pays for its own."""

Project = Annotated[
    str, Meta(max_length=100, pattern=r"^[^\s*,]*$(?!\n)", description="A tag, for limits and reports.")
]
Dollars = Annotated[str, Meta(max_length=40, description="In dollars, as text: 500 or 2.47.")]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
TierName = Literal["on-demand", "spot", "reserved-1y", "reserved-3y"]


class NewJob(b.Given, frozen=True, kw_only=True):
    """A job to be started."""

    model: Word
    job_type: Literal["pretrain", "finetune", "eval"]
    gpu_type: Annotated[Word, Meta(description="As in fareway plan gpus; with a price, anything.")]
    gpus: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    tier: TierName = "on-demand"
    price_usd: Annotated[Dollars, Meta(description="For an hour of one GPU, instead of the catalogue's.")] = ""
    name: Text = ""
    team: Annotated[Above, Meta(description="Who pays: an admin may name a team; else whoever starts it.")] = ""
    project: Project = ""
    budget_usd: Annotated[Dollars, Meta(description="It is told to stop before it costs more.")] = ""
    planned_hours: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    params: Annotated[Count, Meta(description="Of the model: for model FLOPs utilisation.")] = 0


class Heartbeat(b.Given, frozen=True, kw_only=True):
    """It runs, and how much is trained since it began. Figures of an earlier heartbeat stay where one is left out."""

    steps: Count = 0
    tokens: Count = 0
    flops: Annotated[float, Meta(ge=0, le=1e30, description="For the model; else 6 x params x tokens.")] = 0


class Ending(Heartbeat, frozen=True, kw_only=True):
    """It is over."""

    outcome: Literal["done", "failed"] = "done"


class Stopping(b.Given, frozen=True, kw_only=True):
    """It is to stop."""

    reason: Text = "An admin stops it."


class TrainingJob(d.Shown, frozen=True, kw_only=True):
    """A training job. Amounts are decimal text, in dollars."""

    id: str
    name: str
    state: str
    stop: bool  # It is to save what it has and end, before its interval is over,
    reason: str  # because of this.
    model: str
    job_type: str
    gpu_type: str
    gpus: int
    price_usd: str  # For an hour of one GPU,
    price_from: str  # and where that is from.
    org: str
    team: str
    project: str
    budget_usd: str | None
    planned_usd: str | None
    cost_usd: str  # As far as it is known to have run.
    gpu_hours: float
    steps: int
    tokens: int
    mfu: float | None
    made: str
    began: str | None
    seen: str | None
    ended: str | None
    heartbeat_s: float  # It is to be heard of at least so often.


JobList = d.page_of(TrainingJob)


async def _start(call: Call) -> Struct:
    said: NewJob = call.body
    desk, caller = call.site.training, await _payer(call, said.team)
    if said.project:
        caller = structs.replace(caller, brought_tags=(said.project,))
    hourly, price_from, tflops = _price(said)
    budget = _dollars(said.budget_usd, "budget_usd") if said.budget_usd else None
    planned = None
    if said.planned_hours is not None:
        planned = times(hourly, said.gpus * Fraction(str(said.planned_hours))).nanos_up
    now = desk.metering.now
    job = Job(
        id=new_id(),
        model=said.model,
        job_type=said.job_type,
        gpu_type=said.gpu_type,
        gpus=said.gpus,
        rate=hourly.picos,
        rate_from=price_from,
        interval_ms=desk.interval_ms,
        caller=caller,
        made=now,
        state=State.WAITING,
        name=said.name,
        params=said.params,
        tflops=tflops,
        budget=None if budget is None else budget.nanos_up,
        planned=planned,
    )
    return _document(desk, await desk.start(call.actor, job))


async def _payer(call: Call, team: str) -> Caller:
    """Whose limits it is held on. Raises BadRequest or Forbidden."""
    site, actor = call.site, call.actor
    caller = site.keyring.tenants.known[actor.id].caller
    if not team or team == caller.team:
        return caller
    if actor.role is not Role.ADMIN:
        raise Forbidden("Only an admin starts jobs of other teams.")
    return await site.ask(site.directory.placed, Caller(key_id=actor.id, team=team))


def _price(said: NewJob) -> tuple[Money, str, str]:
    """Of an hour of one GPU, where it is from, and how many TFLOPS one has. Raises BadRequest."""
    try:
        found = catalogue().named(said.gpu_type)
    except ValueError as error:
        if not said.price_usd:
            raise BadRequest(f"{error}: say what an hour of one costs", "$.gpu_type") from None
        found = None
    tflops = str(found.tflops) if found is not None else ""
    if said.price_usd:
        hourly = _dollars(said.price_usd, "price_usd")
        if not hourly:
            raise BadRequest("What costs nothing need not be metered.", "$.price_usd")
        return hourly, "price as told", tflops
    assert found is not None, "without a price it is in the catalogue"
    return found.hourly[Tier(said.tier)], f"{said.tier}, catalogue of {catalogue().date}", tflops


def _dollars(text: str, name: str) -> Money:
    try:
        return dollars(text)
    except ArgumentTypeError as error:
        raise BadRequest(str(error), f"$.{name}") from None


async def _list(call: Call) -> Struct:
    desk = call.site.training
    jobs = await desk.seen(call.actor)
    rows, following = page(jobs, lambda job: f"{2**63 - job.made:019d}{job.id}", call.query.cursor, call.query.limit)
    return JobList(data=[_document(desk, job) for job in rows], next=following)


async def _show(call: Call) -> Struct:
    return _document(call.site.training, await call.site.training.find(call.actor, call.path["id"]))


async def _heartbeat(call: Call) -> Struct:
    desk, said = call.site.training, call.body
    return _document(desk, await desk.heartbeat(call.actor, call.path["id"], _progress(said)))


async def _end(call: Call) -> Struct:
    desk, said = call.site.training, call.body
    return _document(desk, await desk.end(call.actor, call.path["id"], State(said.outcome), _progress(said)))


async def _stop(call: Call) -> Struct:
    return _document(call.site.training, await call.site.training.stop(call.actor, call.path["id"], call.body.reason))


async def _approve(call: Call) -> Struct:
    return _document(call.site.training, await call.site.training.approve(call.actor, call.path["id"]))


def _progress(said: Heartbeat) -> Progress:
    return Progress(said.steps, said.tokens, said.flops)


ROUTES = [
    Route("GET", "/training-jobs", _list, "Training jobs, newest first", SEEING, JobList, query=b.Page),
    Route("POST", "/training-jobs", _start, "Start a training job", HAVING, TrainingJob, body=NewJob, status=201),
    Route("GET", "/training-jobs/{id}", _show, "One training job", SEEING, TrainingJob),
    Route(
        "POST",
        "/training-jobs/{id}/heartbeat",
        _heartbeat,
        "It runs; the answer says whether it is to stop",
        HAVING,
        TrainingJob,
        body=Heartbeat,
    ),
    Route("POST", "/training-jobs/{id}/end", _end, "It is over", HAVING, TrainingJob, body=Ending),
    Route("POST", "/training-jobs/{id}/stop", _stop, "It is to stop", HAVING, TrainingJob, body=Stopping),
    Route("POST", "/training-jobs/{id}/approve", _approve, "A job that waits may begin", ADMIN, TrainingJob),
]


def _document(desk: Desk, job: Job) -> TrainingJob:
    def when(ms: int) -> str | None:
        return moment_text(ms / 1000) if ms else None

    return TrainingJob(
        id=job.id,
        name=job.name,
        state=job.state,
        stop=bool(job.stop),
        reason=job.stop,
        model=job.model,
        job_type=job.job_type,
        gpu_type=job.gpu_type,
        gpus=job.gpus,
        price_usd=Money(job.rate).decimal,
        price_from=job.rate_from,
        org=job.caller.org,
        team=job.caller.team,
        project=" ".join(job.caller.brought_tags),
        budget_usd=None if job.budget is None else Money.of_nanos(job.budget).decimal,
        planned_usd=None if job.planned is None else Money.of_nanos(job.planned).decimal,
        cost_usd=job.cost.decimal,
        gpu_hours=float(job.gpu_hours),
        steps=job.progress.steps,
        tokens=job.progress.tokens,
        mfu=None if job.mfu is None else float(job.mfu),
        made=when(job.made) or "",
        began=when(job.began),
        seen=when(job.seen),
        ended=when(job.ended),
        heartbeat_s=desk.heartbeat_ms / 1000,
    )
