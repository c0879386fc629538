"""The plan `breakeven`: an API against hardware of one's own, planned or as it was used."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from fractions import Fraction

from gateway.core.errors import BadRequest
from gateway.core.money import Money
from gateway.planning.amounts import HOURS_PER_MONTH, times
from gateway.planning.breakeven import (
    WORTH_IT,
    BreakEven,
    Hosting,
    Hour,
    RouteBreakEven,
    break_even,
    by_hour,
    curve,
    route_break_even,
)
from gateway.planning.decide import volume_band
from gateway.planning.gpus import Tier
from gateway.planning.own import Own, own_machines
from gateway.plans.arguments import count, dollars, not_negative, positive
from gateway.plans.books import Source, add_period, books, routes
from gateway.plans.hardware import add_device, device
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Row, Sheet
from gateway.plans.svg import Line, lines, round_up


def breakeven_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--price", type=dollars, metavar="USD", help="of the API, for 1,000 tokens")
    takes.add_argument("--tokens", type=count, default=700, help="of a request, input and output (default: 700)")
    add_device(takes, "A10G", Tier.ON_DEMAND)
    takes.add_argument("--requests-per-hour", type=positive, default=Fraction(5000), metavar="N", help="of one machine")
    fixed = Hosting(Money(1), Fraction(1))
    takes.add_argument("--infrastructure", type=dollars, default=fixed.infrastructure, metavar="USD", help="a month")
    takes.add_argument("--engineering-hours", type=not_negative, default=fixed.engineering_hours, help="a month")
    takes.add_argument(
        "--engineering-rate", type=dollars, default=fixed.engineering_rate, metavar="USD", help="an hour"
    )
    takes.add_argument("--model", help="with --from-ledger: only this one")
    takes.add_argument("--by-hour", action="store_true", help="with --from-ledger: the hours of the day, UTC")
    add_period(takes)


def breakeven(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    hosting = Hosting(
        hourly=device(parsed)[1],
        requests_per_hour=parsed.requests_per_hour,
        infrastructure=parsed.infrastructure,
        engineering_hours=parsed.engineering_hours,
        engineering_rate=parsed.engineering_rate,
    )
    if parsed.from_ledger:
        return _measured(parsed, source, hosting)
    if parsed.price is None:
        raise BadRequest("say what the API costs, or take it from the ledger", "price")
    found = break_even(parsed.price, parsed.tokens, hosting)
    meets = found.monthly_requests
    figures: Row = {
        "api_request_usd": found.api,
        "own_request_usd": found.own,
        "fixed_month_usd": found.fixed,
        "break_even_requests_a_month": meets,
        "break_even_requests_a_day": round(Fraction(meets, 30)) if meets is not None else None,
        "advice": "self-host" if found.self_hosting else "API",
    }
    volumes = [10_000, 100_000, 1_000_000, 10_000_000]
    rows = [_at(found, volume) for volume in volumes]
    notes = [f"Own hardware is advised where the two meet below {WORTH_IT:,} requests a month."]
    return Sheet(figures, rows, notes, _plot(found))


def _at(found: BreakEven, volume: int) -> Row:
    api, own = found.monthly(volume)
    return {"requests_a_month": volume, "api_usd": api, "own_usd": own, "first_orientation": volume_band(volume)}


def _plot(found: BreakEven) -> str:
    most = round_up(2 * found.monthly_requests) if found.monthly_requests else 10 * WORTH_IT
    points = curve(found, most)
    api, own = [(volume, money) for volume, money, _ in points], [(volume, money) for volume, _, money in points]
    return lines("What a month costs, by volume", "requests a month", [Line("API", api), Line("own hardware", own)])


def _measured(parsed: Namespace, source: Source, hosting: Hosting) -> Sheet:
    with books(parsed, source) as told:
        found = [one for one in routes(told, parsed.model) if not one.selfhosted]
        machines = [] if parsed.by_hour else own_machines(told.entries, told.prices)
    if parsed.by_hour:
        if len(found) != 1:
            raise BadRequest(f"one model at a time: {len(found)} routes were called", "model")
        return _hours(by_hour(found[0], told.days, hosting))
    known = [one for route in found if (one := route_break_even(route, told.days, hosting)) is not None]
    notes = ["Machines for the busiest hour, paid around the clock. Above flips_at own hardware is cheaper."]
    if machines:
        notes.append("Own machines as they were used, beside the API in use that would have taken least for the same.")
    return Sheet(
        rows=[_route(one) for one in known],
        notes=notes,
        tables={"own_machines": [_own(one) for one in machines]},
        plot=_by_utilisation(known[0], hosting) if known else "",
    )


def _route(one: RouteBreakEven) -> Row:
    return {
        "route": f"{one.profile.provider}/{one.profile.model}",
        "requests_a_month": one.monthly_requests,
        "request_usd": one.request,
        "api_month_usd": one.api,
        "machines": one.machines,
        "own_month_usd": one.own,
        "utilisation_share": one.utilisation,
        "flips_at_share": one.flips_at,
        "advice": "self-host" if one.self_hosting else "API",
        "first_orientation": volume_band(one.monthly_requests),
    }


def _own(one: Own) -> Row:
    """Machines that there are, as they were used."""
    return {
        "provider": one.provider,
        "calls": one.calls,
        "busy_usd": one.busy,
        "idle_usd": one.idle,
        "paid_usd": one.paid,
        "utilisation_share": one.utilisation,
        "api_usd": one.api,
        "api": "/".join(one.beside) if one.beside is not None else None,
        "flips_at_share": one.flips_at,
        "cheaper": "-" if one.api is None else "own" if one.paid < one.api else "API",
    }


def _by_utilisation(one: RouteBreakEven, hosting: Hosting) -> str:
    """A month of the dearest route on these machines, from idle to always busy."""
    capacity = one.machines * hosting.requests_per_hour * HOURS_PER_MONTH
    api = [(percent, times(one.request, capacity * percent / 100)) for percent in range(101)]
    own = [(percent, one.own) for percent in (0, 100)]
    title = f"What a month costs, by how busy machines are: {one.profile.provider}/{one.profile.model}"
    return lines(title, "per cent of the time", [Line("API", api), Line("own hardware", own)])


def _hours(hours: Sequence[Hour]) -> Sheet:
    rows: list[Row] = [
        {
            "hour_utc": f"{hour.hour:02d}",
            "requests": hour.requests,
            "api_usd": hour.api,
            "machines": hour.machines,
            "own_usd": hour.own,
            "utilisation_share": hour.utilisation,
            "cheaper": "-" if not hour.requests else "own" if hour.own < hour.api else "API",
        }
        for hour in hours
    ]
    drawn = [
        Line("API", [(hour.hour, hour.api) for hour in hours]),
        Line("own hardware", [(hour.hour, hour.own) for hour in hours]),
    ]
    plot = lines("What an hour costs, by hour of the day", "hour, UTC", drawn)
    return Sheet(rows=rows, notes=["Own: the machines of that hour alone, without fixed costs."], plot=plot)
