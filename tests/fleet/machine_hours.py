"""Calls of a machine as the ledger has them, for tests of its hours."""

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.occupied import Occupied
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage
from gateway.fleet.closing import Books
from gateway.fleet.rate import HOUR_NS, SECOND_NS, Rate, constant

HOUR = 480_000  # Hours since 1970.
START_NS = HOUR * HOUR_NS
DOLLARS = 10**12
RATE = constant(36 * DOLLARS)  # A cent a second.
CENT = DOLLARS // 100


def books(hour: int = HOUR, rate: Rate = RATE, since_s: float = 0) -> Books:
    since_ns = hour * HOUR_NS + round(since_s * SECOND_NS)
    return Books("local", "10.0.0.5:8000", rate, since_ns, (hour + 1) * HOUR_NS)


def call(
    name: str,
    began_s: float,
    ended_s: float | None,
    *,
    picos: int = 0,
    first_s: float | None = None,
    weights: tuple[int, int] = (1, 1),
    held_nanos: int = 0,
) -> Entry:
    """A call of these seconds of the hour, booked at so much; one that did not end died with its gateway."""

    def moment(seconds: float | None) -> int:
        return 0 if seconds is None else START_NS + round(seconds * SECOND_NS)

    return Entry(
        id=name,
        request_id=name.partition(".")[0],
        at=moment(began_s) / SECOND_NS,
        caller=Caller(key_id="k"),
        asked_model="m",
        provider="local",
        model="m",
        served_model="m",
        tier="standard",
        selfhosted=True,
        reason="the only one",
        usage=Usage(input=10, output=10),
        cost=Cost(Money(picos), CostStatus.ESTIMATED, "gpu:local@10.0.0.5:8000:start", output=Money(picos)),
        held_nanos=held_nanos,
        outcome=Outcome.UNRESOLVED if ended_s is None else Outcome.OK,
        status=200,
        charges=(("all/usd/month@2024-10", -(-picos // 1000)),),
        backend="10.0.0.5:8000",
        occupied=Occupied(moment(began_s), *weights, moment(first_s), moment(ended_s)),
    )


def total(entries: list[Entry], within: Books) -> int:
    """What stands in these books, in pico-dollars."""
    return sum(entry.cost.known.picos for entry in entries if within.has(entry))
