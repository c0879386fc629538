"""Plans: what things would cost, as `fareway plan` tells it with --json."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, structs

from gateway.admin.bodies import Given
from gateway.admin.site import WATCHING, Call, Route
from gateway.core.errors import Unavailable
from gateway.directory.rules import in_force
from gateway.ledger.thread import stand_back
from gateway.plans.books import Source
from gateway.plans.parameters import Parameter, Parameters
from gateway.plans.sheet import document
from gateway.plans.table import PLANS, Plan

PLAN_S_MAX = 25.0
TEXT_MAX = 1000
Document = dict[str, Any]
"""Figures by name, `rows`, further tables, and `notes`."""

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plans", initializer=stand_back)
"""One plan at a time, after the calls."""


def _route(plan: Plan) -> Route:
    parameters = Parameters()
    plan.declare(parameters)

    async def make(call: Call) -> Document:
        site, given_up = call.site, threading.Event()
        said = {name: value for name, value in structs.asdict(call.query).items() if value is not UNSET}
        parsed, rules = parameters.read(said), await site.ask(site.directory.rules)
        limits = in_force(site.configured(), rules.values())
        source = Source(site.reading, lambda: limits, site.clock(), given_up.is_set)
        try:
            async with asyncio.timeout(PLAN_S_MAX):
                return await asyncio.get_running_loop().run_in_executor(
                    _thread, lambda: document(plan.make(parsed, source))
                )
        except TimeoutError:
            raise Unavailable("These are too many calls to look at in time: ask for fewer days.") from None
        finally:
            given_up.set()

    name, query = f"/plan/{plan.name}", _query(plan.name, parameters.known.values())
    text = plan.text[0].upper() + plan.text[1:]
    return Route("GET", name, make, text.replace("--", ""), WATCHING, Document, query=query, may_be_empty=True)


def _query(name: str, known: Iterable[Parameter]) -> type[Struct]:
    """What may stand in the address, each as a field of text."""
    fields = [(one.name, _type(one)) if one.required else (one.name, _type(one) | UnsetType, UNSET) for one in known]
    named = f"{name.title()}Plan"
    described = {"__doc__": "What a plan is told, in the words of the command line."}
    return defstruct(named, fields, bases=(Given,), frozen=True, kw_only=True, namespace=described)


def _type(one: Parameter) -> Any:
    if one.flag:
        return bool
    if one.choices:
        return Literal[tuple(one.choices)]
    several = "Several with commas between. " if one.several else ""
    such = f"Such as {one.metavar}. " if one.metavar else ""
    return Annotated[str, Meta(max_length=TEXT_MAX, description=f"{several}{such}{one.help}".strip())]


class PlanName(Struct, frozen=True, kw_only=True):
    """A plan that can be made: at `/plan/` and its name."""

    name: str
    text: str  # What it tells.


class PlanList(Struct, frozen=True, kw_only=True):
    """All plans."""

    data: list[PlanName]


async def _list(call: Call) -> Struct:
    del call
    return PlanList(data=[PlanName(name=plan.name, text=plan.text) for plan in PLANS])


ROUTES = [
    Route("GET", "/plan", _list, "All plans", WATCHING, PlanList),
    *[_route(plan) for plan in PLANS],
]
