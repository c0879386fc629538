"""Do the books of a machine lose or make up anything? 10,000 calls of two processes that know nothing of each other,
over two days in which the spot price changes and the machine sleeps at night.

Calls are answered, streamed or not, refused, hung up on, cut, left under way by a process that dies, and found in a
journal hours later. Each is booked as it ends, by the clock of its process; each hour is closed when it is over, and
again when what was late has come. Everything that stands in the ledger then is compared with the integral of dollars
a second, which is summed up minute by minute in fractions.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from random import Random

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import PICOS_PER_DOLLAR, PICOS_PER_NANO, Money
from gateway.core.price import CostStatus
from gateway.core.usage import Usage
from gateway.fleet.closing import Books, closed
from gateway.fleet.meter import Meter, Occupancy
from gateway.fleet.rate import HOUR_NS, PER_PICO, SECOND_NS, Rate, Step, Week

CALLS = 10_000
HOURS = 48
BEGUN = 20_000 * 24  # Hours since 1970.
START_NS = BEGUN * HOUR_NS
PROVIDER, BACKEND = "own", "gpu:8000"
MINUTE_NS = 60 * SECOND_NS
HELD = Money(PICOS_PER_DOLLAR // 50)
ENDS = (Outcome.OK,) * 12 + (Outcome.HUNG_UP, Outcome.HUNG_UP, Outcome.CUT, Outcome.FAILED, Outcome.UNRESOLVED)
LATE = 0.02
"""The share of entries that reach the ledger hours after their call."""


def rate(random: Random) -> Rate:
    """Spot prices in steps of six cents at odd minutes, and nothing between two and five at night."""
    steps = [Step(0, 246 * PICOS_PER_DOLLAR // 100)]
    for hour in range(0, HOURS, 5):
        at = START_NS + hour * HOUR_NS + random.randrange(60) * MINUTE_NS
        steps.append(Step(at, random.randrange(20, 60) * 6 * PICOS_PER_DOLLAR // 100))
    awake = sorted(
        (day * 1440 + since, day * 1440 + until) for day in range(7) for since, until in ((0, 120), (300, 1440))
    )
    return Rate(tuple(steps), Week("UTC", tuple(awake)))


def conservation_error_nano(calls: int = CALLS, seed: int = 1) -> Fraction:
    """By how many nano-dollars the ledger misses what was paid, in all and of the hour that is furthest off."""
    random = Random(seed)
    paid_by = rate(random)
    entries = _booked(paid_by, random, calls)
    late = {entry.id for entry in entries if random.random() < LATE}
    ledger = [entry for entry in entries if entry.id not in late]
    hours = [Books(PROVIDER, BACKEND, paid_by, at, at + HOUR_NS) for at in range(START_NS, _end(), HOUR_NS)]
    for _ in range(2):
        for books in hours:
            ledger += closed(books, ledger, now=0.0)
        ledger += [entry for entry in entries if entry.id in late]
        late = set()
    for books in hours:
        ledger += closed(books, ledger, now=0.0)
    off = [abs(_sum([e for e in ledger if books.has(e)]) - _integral(paid_by, books.since_ns)) for books in hours]
    return max(*off, abs(_sum(ledger) - sum(_integral(paid_by, books.since_ns) for books in hours))) / PICOS_PER_NANO


def figures() -> dict[str, object]:
    """Measure and print."""
    error = conservation_error_nano()
    print(f"{CALLS} calls, {HOURS} hours: the books miss what was paid by {float(error)} nano-dollars")
    return {"conservation_error_nano": float(error), "conservation": {"calls": CALLS, "bar": 0, "met": error == 0}}


def _booked(paid_by: Rate, random: Random, calls: int) -> list[Entry]:
    """Every call as its process books it. Each process has a clock of its own, which it checks at the end."""
    booked: list[Entry] = []
    for process in range(2):
        meter = Meter(f"{PROVIDER}@{BACKEND}", paid_by, 2000, 20, START_NS)
        events: list[tuple[int, int, str, int]] = []
        order = count()
        for number in range(calls // 2):
            began = START_NS + random.randrange((HOURS - 1) * HOUR_NS)
            reads, lasts = random.randrange(3 * SECOND_NS), random.randrange(1, 120 * SECOND_NS)
            events.append((began, next(order), "leaves", number))
            events.append((began + min(reads, lasts), next(order), "writes", number))
            events.append((began + lasts, next(order), "ends", number))
        flying: dict[int, Occupancy] = {}
        for at, _, what, number in sorted(events):
            if what == "leaves":
                size = random.randrange(1, 20_000)
                flying[number] = meter.occupancy(
                    uncached=size, context=size, output=200, stream=random.random() < 0.7, marginal=None
                )
                flying[number].leaves(at)
            elif what == "writes":
                flying[number].writes(at)
            elif random.random() < LATE:  # The engine refuses it.
                flying.pop(number).dropped(at)
            else:
                booked.append(_entry(f"{process}-{number}", flying.pop(number), random.choice(ENDS), at))
        now = _end()
        meter.clock.others(0, now)
        told = meter.clock.attributed + meter.clock.idle + meter.clock.foreign
        assert told == paid_by.owed(START_NS, now) // PER_PICO, "the clock itself lost something"
    return booked


def _entry(name: str, occupancy: Occupancy, outcome: Outcome, at: int) -> Entry:
    usage = Usage(input=10, output=10)
    cost, used = occupancy.settled(usage, HELD, at)
    if outcome is Outcome.UNRESOLVED:  # Its process died instead: its journal knows what it held, and when it began.
        cost = type(cost)(HELD, CostStatus.UNCERTAIN, cost.price_id)
        used = type(used)(used.began_ns, used.prefill, used.decode)
    return Entry(
        *(f"{name}.1", name, used.began_ns / SECOND_NS, Caller(key_id="k"), "m", PROVIDER, "m", "m", "standard"),
        selfhosted=True,
        reason="",
        usage=usage,
        cost=cost,
        held_nanos=HELD.nanos_up,
        outcome=outcome,
        status=200,
        backend=BACKEND,
        occupied=used,
    )


def _end() -> int:
    return START_NS + HOURS * HOUR_NS


def _sum(entries: list[Entry]) -> Fraction:
    return Fraction(sum(entry.cost.known.picos for entry in entries))


def _integral(paid_by: Rate, since_ns: int) -> Fraction:
    """What an hour costs, in pico-dollars: of each minute the rate in its middle."""
    middles = range(since_ns + MINUTE_NS // 2, since_ns + HOUR_NS, MINUTE_NS)
    return sum((Fraction(paid_by.at(middle)[0], 60) for middle in middles), Fraction(0))
