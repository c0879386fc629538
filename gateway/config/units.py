"""How durations, sizes, shares and amounts are written. A bare number is never one: its unit would be a guess."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from gateway.core.limit import LIMIT_USD_MAX, OnReached, Then, Unit
from gateway.core.money import PICOS_PER_NANO, Money
from gateway.core.route import TIERS

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,12})?"
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_UNITS = {
    "token": Unit.TOKENS,
    "input token": Unit.INPUT_TOKENS,
    "output token": Unit.OUTPUT_TOKENS,
    "request": Unit.REQUESTS,
    "concurrent": Unit.CONCURRENT,
}

DURATION = rf"^({_NUMBER}) ?(ms|s|m|h|d)$"
SIZE = rf"^({_NUMBER}) ?([KMG]i?B|B)$"
PERCENTAGE = rf"^({_NUMBER}) ?%$"
PERCENT = r"^([0-9]{1,4}) ?%$"
DOLLARS = rf"^(?:\$ ?({_NUMBER})|({_NUMBER}) ?usd)$"
FACTOR = r"^([0-9]{1,6})x$"
HOURLY_PRICE = rf"^(?:\$ ?)?({_NUMBER})(?: ?usd)? ?/ ?h$"
PER_SECOND = r"^([0-9]{1,9}) ?/ ?s$"
ENERGY_PRICE = rf"^(?:\$ ?)?({_NUMBER})(?: ?usd)? ?/ ?kWh$"
WATTS = rf"^({_NUMBER}) ?(W|kW)$"
AMOUNT = (
    rf"^(?:\$ ?({_NUMBER})|({_NUMBER}) ?usd|([0-9]{{1,18}}) (?:((?:input |output )?token|request)s?|(concurrent)))$"
)
OUTAGE = f"^refuse$|^allow {AMOUNT[1:-1]}(?: per replica)?$"
ON_REACHED = rf"^(?:(refuse|fit)|downgrade ({'|'.join(TIERS)})|queue ({_NUMBER} ?(?:ms|s|m)))$"

COUNT_MAX = 2**53 - 1
"""Shared stores count in doubles."""
QUEUE_S_MAX = 300.0
"""Five minutes. Callers and what stands between give up sooner."""
INTERVAL_S_MAX = 3600
DURATION_MAX = Decimal(86400 * 3660)
"""Ten years; more is a slip."""


class UnreadableError(ValueError):
    """A value is not written as it must be. The message shows a right example.

    It does not show the value, which may be a secret, unless `quotes` says so.
    """

    def __init__(self, message: str, hint: str = "", *, quotes: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.quotes = quotes


class Amount(NamedTuple):
    """How much of what."""

    unit: Unit
    amount: int  # Nano-dollars, or a count.


def whole(value: object) -> int:
    """A whole number; also as text, which is what a reference gives. Raises UnreadableError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    raise UnreadableError("must be a whole number, such as 5")


def duration(value: object) -> float:
    """Seconds from '30s', '5m', '1h', '1d' or '50ms'; more than none. Raises UnreadableError."""
    seconds = duration_or_zero(value)
    if seconds == 0:
        raise UnreadableError("must be longer than nothing, such as 30s")
    return seconds


def duration_or_zero(value: object) -> float:
    """Seconds, possibly none. Raises UnreadableError."""
    number, unit = _parts(DURATION, value, "must be a duration with its unit, such as 30s, 5m, 1h, 1d or 50ms")
    seconds = Decimal(number) * _SECONDS[unit]
    if seconds > DURATION_MAX:
        raise UnreadableError("must be ten years at most, such as 30d")
    return float(seconds)


def size(value: object) -> int:
    """Bytes from '20MB' (millions) or '20MiB' (1024 squared); one or more, and whole. Raises UnreadableError."""
    number, unit = _parts(SIZE, value, "must be a size with its unit, such as 20MB, 20MiB or 512KB")
    count = Decimal(number) * _BYTES[unit]
    if count != int(count) or count < 1:
        raise UnreadableError("must be a whole number of bytes and more than none, such as 20MB")
    return int(count)


def percentage(value: object) -> float:
    """A share from 0 to 1, from '10%'. Raises UnreadableError."""
    (number,) = _parts(PERCENTAGE, value, "must be a percentage, such as 10%")
    if Decimal(number) > 100:
        raise UnreadableError("must be 100% at most, such as 10%")
    return float(Decimal(number) / 100)


def dollars(value: object) -> float:
    """Dollars from '0.01 usd' or '$0.01', for what is weighed and never booked. Raises UnreadableError."""
    parts = _parts(DOLLARS, value, "must be an amount of dollars, such as 0.01 usd")
    return float(next(part for part in parts if part))


def dollar_amount(value: object) -> Money:
    """Dollars, exactly, from '500 usd' or '$500'. Raises UnreadableError."""
    parts = _parts(DOLLARS, value, "must be an amount of dollars, such as 500 usd")
    return Money.usd(next(part for part in parts if part))


def interval(value: object) -> float:
    """Seconds, from one to an hour, from '5m'. Raises UnreadableError."""
    number, unit = _parts(DURATION, value, "must be from 1s to 1h, such as 5m")
    seconds = Decimal(number) * _SECONDS[unit]
    if not 1 <= seconds <= INTERVAL_S_MAX:
        raise UnreadableError("must be from 1s to 1h, such as 5m")
    return float(seconds)


def share(value: object) -> float:
    """More than nothing and less than all, from '5%'. Raises UnreadableError."""
    found = percentage(value)
    if not 0 < found < 1:
        raise UnreadableError("must be more than 0% and less than 100%, such as 5%")
    return found


def percent(value: object) -> int:
    """Whole per cent from '80%', 1 to 1000. Raises UnreadableError."""
    (number,) = _parts(PERCENT, value, "must be a whole percentage, such as 80%")
    if not 1 <= int(number) <= 1000:
        raise UnreadableError("must be from 1% to 1000%, such as 80%")
    return int(number)


def factor(value: object) -> int:
    """A whole number from '3x', two at least. Raises UnreadableError."""
    (number,) = _parts(FACTOR, value, "must be a whole factor with an x, such as 3x")
    if int(number) < 2:
        raise UnreadableError("must be 2x at least, such as 3x")
    return int(number)


def amount(value: object) -> Amount:
    """What a limit allows, from '500 usd', '$500', '60000 tokens', '600 requests' or '8 concurrent'.

    Raises UnreadableError, also for more than shared stores can count and for fractions of a nano-dollar.
    """
    example = "must be an amount with its unit, such as 500 usd, $500, 60000 tokens, 600 requests or 8 concurrent"
    after, before, count, *units = _parts(AMOUNT, value, example)
    if dollars := after or before:
        return Amount(Unit.USD, _nanos(dollars))
    if int(count) > COUNT_MAX:
        raise UnreadableError(f"must be {COUNT_MAX} at most, such as 60000 tokens")
    return Amount(_UNITS["".join(unit or "" for unit in units)], int(count))


def hourly_price(value: object) -> Money:
    """Dollars for an hour, from '2.47/h', '$2.47/h' or '2.47 usd/h'. Raises UnreadableError."""
    (dollars,) = _parts(HOURLY_PRICE, value, "must be dollars an hour, such as 2.47/h")
    return Money.usd(dollars)


def energy_price(value: object) -> Money:
    """Dollars for a kilowatt-hour, from '0.12/kWh'. Raises UnreadableError."""
    (dollars,) = _parts(ENERGY_PRICE, value, "must be dollars a kilowatt-hour, such as 0.12/kWh")
    return Money.usd(dollars)


def token_rate(value: object) -> int:
    """Tokens a second from '2000/s', one at least. Raises UnreadableError."""
    (number,) = _parts(PER_SECOND, value, "must be tokens a second, such as 2000/s")
    if int(number) < 1:
        raise UnreadableError("must be 1/s or more, such as 2000/s")
    return int(number)


def watts(value: object) -> int:
    """Watts from '350W' or '0.7kW', rounded to whole ones. Raises UnreadableError."""
    number, unit = _parts(WATTS, value, "must be a power with its unit, such as 350W or 0.7kW")
    return round(Decimal(number) * (1000 if unit == "kW" else 1))


def outage(value: object) -> Amount | None:
    """What a replica may hold without the store's word, from 'allow 5 usd per replica'; None for 'refuse'. Raises
    UnreadableError."""
    if value == "refuse":
        return None
    try:
        _, allowed = _parts("^(allow )(.+)$", value, "")
        return amount(allowed.removesuffix(" per replica"))
    except UnreadableError:
        raise UnreadableError("must be refuse, or an amount such as allow 5 usd per replica") from None


def on_reached(value: object) -> OnReached:
    """What becomes of a call that does not fit, from 'refuse', 'fit', 'downgrade economy' or 'queue 5s'.

    Raises UnreadableError.
    """
    word, tier, wait = _parts(ON_REACHED, value, "must be refuse, fit, downgrade with a tier, or queue with a duration")
    if tier:
        return OnReached(Then.DOWNGRADE, tier=tier)
    if not wait:
        return OnReached(Then(word))
    if (wait_s := duration(wait)) > QUEUE_S_MAX:
        raise UnreadableError("must wait 5m at most, such as queue 5s")
    return OnReached(Then.QUEUE, wait_s=wait_s)


def _nanos(dollars: str) -> int:
    money = Money.usd(dollars)
    if money > LIMIT_USD_MAX:
        raise UnreadableError(
            f"must be {LIMIT_USD_MAX} at most, which is what shared stores can count, such as 500 usd"
        )
    if money.picos % PICOS_PER_NANO:
        raise UnreadableError("must be a whole number of nano-dollars, which is nine decimals, such as 0.000000001 usd")
    return money.nanos_up


def _parts(pattern: str, value: object, example: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if found is None:
        raise UnreadableError(example)
    return found.groups()
