"""Words that people, callers and providers write: amounts, durations, windows, hours, moments, headers, paths, URLs.

Each is understood or refused by name, and what is understood lies within its bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from gateway.catalog.providers import KNOWN
from gateway.config import hours, moments, units, windows
from gateway.core.caller import Key
from gateway.core.errors import GatewayError
from gateway.core.money import Money
from gateway.deferred import deadline
from gateway.front.forwarded import origin
from gateway.front.paths import way_of
from gateway.journey import cache_wish, idempotency, question
from gateway.journey.carriage import lossy
from gateway.prices import spelled
from gateway.tenants import presented, tagged
from gateway.upstream.errors import Unreached
from gateway.upstream.retry import retry_after_s
from gateway.upstream.target import target

HEAD = 1
"""Who reads it."""

JSON = False

NOW = 1_763_712_000.0
BAD, REFUSED = (units.UnreadableError,), (GatewayError,)
KEY = Key("key_1", b"")


def _positive(amount: float) -> bool:
    return 0 <= amount < 1e12 and isfinite(amount)


def _header(read: Callable[[dict[str, str]], Any], name: str) -> Callable[[str], Any]:
    return lambda text: read({name: text})


def _money(money: Money | None) -> bool:
    return money is None or (money.picos >= 0 and Money.usd(money.decimal) == money)


def _any(found: Any) -> bool:
    del found
    return True


def _ceiling(money: Money | None) -> bool:
    return _money(money) and money is not None and money.picos > 0


Reader = tuple[Callable[[str], Any], Callable[[Any], bool], tuple[type[Exception], ...], str]

READERS: tuple[Reader, ...] = (
    (units.duration, lambda s: _positive(s) and s > 0, BAD, "1.5h"),
    (units.size, lambda n: 0 < n < 1 << 80, BAD, "20MiB"),
    (units.percentage, lambda s: 0 <= s <= 1, BAD, "12.5%"),
    (units.dollar_amount, _money, BAD, "$0.000001"),
    (units.dollars, _positive, BAD, "0.01 usd"),
    (units.amount, lambda a: 0 <= a.amount <= units.COUNT_MAX, BAD, "60000 output tokens"),
    (units.outage, lambda a: a is None or 0 <= a.amount <= units.COUNT_MAX, BAD, "allow 5 usd per replica"),
    (units.on_reached, lambda r: 0 <= (r.wait_s or 0) <= units.QUEUE_S_MAX, BAD, "queue 1.5m"),
    (units.hourly_price, _money, BAD, "$2.47/h"),
    (units.energy_price, _money, BAD, "0.12 usd/kWh"),
    (units.watts, lambda w: w >= 0, BAD, "0.7kW"),
    (units.interval, lambda s: 1 <= s <= 3600, BAD, "5m"),
    (units.token_rate, lambda n: n >= 1, BAD, "2000/s"),
    (windows.window, lambda w: windows.span_of(w)[1] >= 0, BAD, "rolling 30d"),
    (windows.start_text, _any, BAD, "sunday 06:00"),
    (
        hours.week,
        lambda w: all(0 <= a < b <= 10080 for a, b in w.spans),
        BAD,
        "fri-mon 22:00-06:00, daily 01:00-02:00 Europe/Zurich",
    ),
    (moments.exact_moment, isfinite, BAD, "2026-12-01T08:00+01:00"),
    (lambda text: moments.moment(text, NOW), isfinite, BAD, "30d"),
    (Money.usd, lambda m: Money.usd(m.decimal) == m, (ValueError,), "-12.000000000001"),
    (lambda text: spelled.amount(text, "input"), lambda n: n >= 0, (ValueError,), "0.10/M"),
    (lambda text: spelled.amount(text, "audio"), lambda n: n >= 0, (ValueError,), "0.006/minute"),
    (
        spelled.spans,
        lambda found: all(a < 86400 and b <= 86400 for a, b in found),
        (ValueError,),
        "22:00-24:00, 06:00-05:00",
    ),
    (spelled.days, lambda found: all(0 <= day < 7 for day in found), (ValueError,), "sat-mon, wed"),
    (_header(question.ceiling_of, question.CEILING), _ceiling, REFUSED, "$0.05"),
    (_header(lossy, "x-fareway-lossy"), _any, REFUSED, "allow"),
    (_header(lambda h: cache_wish.wish(h, KEY), cache_wish.HEADER), _any, REFUSED, "refresh"),
    (
        _header(lambda h: cache_wish.wish({cache_wish.HEADER: "use"} | h, KEY).ttl_s, cache_wish.TTL),
        _positive,
        REFUSED,
        "60",
    ),
    (_header(lambda h: cache_wish.wish({cache_wish.HEADER: "use"} | h, KEY), cache_wish.NAMESPACE), _any, REFUSED, "a"),
    (_header(idempotency.idempotency_key, idempotency.HEADER), lambda k: len(k) > 0, REFUSED, "abc"),
    (
        _header(lambda h: deadline.wanted_s(h, KEY), deadline.DEADLINE),
        lambda s: s is None or 1 <= s <= 604800,
        REFUSED,
        "10m",
    ),
    (
        _header(lambda h: deadline.told_at(h, KEY, private=False), deadline.WEBHOOK),
        lambda u: u == "" or u.lower().startswith("https:"),
        REFUSED,
        "https://example.com/hook",
    ),
    (_header(presented, "authorization"), _any, REFUSED, "Bearer fw-0123456789ab-x"),
    (_header(lambda h: tagged(KEY, h), "x-fareway-tags"), _any, REFUSED, "a=b,c=d"),
    (lambda text: origin("10.0.0.1", text, ("10.0.0.0/8",)), _any, (), "1.2.3.4, 10.0.0.2, ::ffff:10.0.0.3"),
    (
        _header(lambda h: retry_after_s(h, NOW), "retry-after"),
        lambda s: s is None or s >= 0,
        (),
        "Fri, 21 Nov 2025 08:00:00 GMT",
    ),
    (_header(lambda h: retry_after_s(h, NOW), "retry-after-ms"), lambda s: s is None or s >= 0, (), "1500.5"),
    (
        target,
        lambda t: 0 < t.origin.port < 65536 and t.path.isascii() and t.path.startswith("/"),
        (Unreached,),
        "https://user@[::1]:8443/v1/é?x=1",
    ),
    (lambda text: way_of(text, KNOWN), _any, REFUSED, "/openai/v1//chat%2Fcompletions"),
)


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    read, good, refusals, _ = READERS[data[0] % len(READERS)]
    try:
        found = read(data[HEAD:].decode("utf-8", "surrogateescape"))
    except refusals:
        return
    assert good(found), found


def seeds() -> Iterable[bytes]:
    """An example for each reader."""
    for number, (_, _, _, example) in enumerate(READERS):
        yield bytes((number,)) + example.encode()
