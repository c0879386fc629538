"""When hardware of one's own beats an API: by volume, by utilisation, by hour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import DAYS_PER_MONTH, HOURS_PER_MONTH, Number, over, times, up
from gateway.planning.traffic import HOURS, Profile

WORTH_IT = 1_000_000
"""Requests a month. Where the two meet below, own hardware is advised."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """Hardware of one's own, and the people who run it."""

    hourly: Money  # Of one machine.
    requests_per_hour: Fraction  # That one machine can serve.
    infrastructure: Money = Money.usd(500)  # A month.
    engineering_hours: Fraction = Fraction(20)  # A month.
    engineering_rate: Money = Money.usd(150)

    @property
    def request(self) -> Money:
        """What one request costs on a machine that is always busy."""
        return over(self.hourly, self.requests_per_hour)

    @property
    def fixed(self) -> Money:
        """What a month costs whatever is served."""
        return self.infrastructure + times(self.engineering_rate, self.engineering_hours)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The API against a machine that is always busy."""

    api: Money  # Per request.
    own: Money  # Per request, beside `fixed`.
    fixed: Money  # A month.

    @property
    def monthly_requests(self) -> int | None:
        """Where the two cost the same, to the nearest; None where the API is cheaper at any volume."""
        if self.api <= self.own:
            return None
        return round(Fraction(self.fixed.picos, (self.api - self.own).picos))

    @property
    def self_hosting(self) -> bool:
        """Whether own hardware is advised."""
        return self.monthly_requests is not None and self.monthly_requests < WORTH_IT

    def monthly(self, requests: int) -> tuple[Money, Money]:
        """What so many requests a month cost: with the API, and on own hardware."""
        return times(self.api, requests), self.fixed + times(self.own, requests)


def break_even(api_per_thousand_tokens: Money, tokens: int, hosting: Hosting) -> BreakEven:
    """For requests of that many tokens, input and output together."""
    return BreakEven(over(times(api_per_thousand_tokens, tokens), 1000), hosting.request, hosting.fixed)


@dataclass(frozen=True, slots=True)
class RouteBreakEven:
    """One route of real traffic against machines enough for its busiest hour, paid around the clock."""

    profile: Profile
    monthly_requests: int
    request: Money  # What the API takes for one, on average.
    api: Money  # A month.
    machines: int
    own: Money  # A month, fixed costs included.
    utilisation: Fraction  # Of the machines.
    flips_at: Fraction  # The utilisation from which on own hardware is cheaper; above 1 it never is.

    @property
    def self_hosting(self) -> bool:
        """Whether own hardware would be cheaper."""
        return self.own < self.api


def route_break_even(profile: Profile, days: Fraction, hosting: Hosting) -> RouteBreakEven | None:
    """Over the days that the profile is of; None where no call has a price: then there is nothing to compare with."""
    if not profile.cost:
        return None
    request = over(profile.cost, profile.priced_calls)
    monthly = round(profile.calls * DAYS_PER_MONTH / days)
    machines = max(1, up(max(profile.by_hour) / days / hosting.requests_per_hour))
    own = times(hosting.hourly, machines * HOURS_PER_MONTH) + hosting.fixed
    capacity = machines * hosting.requests_per_hour * HOURS_PER_MONTH
    return RouteBreakEven(
        profile=profile,
        monthly_requests=monthly,
        request=request,
        api=times(request, monthly),
        machines=machines,
        own=own,
        utilisation=monthly / capacity,
        flips_at=Fraction(own.picos) / (request.picos * capacity),
    )


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the day on average, UTC."""

    hour: int
    requests: Fraction
    api: Money
    machines: int
    own: Money  # The machines alone: what they would cost if only this hour were paid.
    utilisation: Fraction


def by_hour(profile: Profile, days: Fraction, hosting: Hosting) -> list[Hour]:
    """All hours of the day."""
    return [_hour(hour, profile.by_hour[hour] / days, profile, days, hosting) for hour in range(HOURS)]


def _hour(hour: int, requests: Fraction, profile: Profile, days: Fraction, hosting: Hosting) -> Hour:
    machines = up(requests / hosting.requests_per_hour)
    return Hour(
        hour=hour,
        requests=requests,
        api=over(profile.cost_by_hour[hour], days),
        machines=machines,
        own=times(hosting.hourly, machines),
        utilisation=requests / (machines * hosting.requests_per_hour) if machines else Fraction(0),
    )


def curve(found: BreakEven, most: Number, points: int = 60) -> list[tuple[int, Money, Money]]:
    """(requests a month, API, own hardware) at even steps up to `most`."""
    volumes = [round(Fraction(most) * step / points) for step in range(points + 1)]
    return [(volume, *found.monthly(volume)) for volume in volumes]
