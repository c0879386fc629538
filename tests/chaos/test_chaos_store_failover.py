"""B9 and B11: the store fails over to a copy that lacks the newest; windows end under load, and clocks differ."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from chaos_proxy import SILENT, ChaosProxy
from outages import BUDGET, MONEY, everywhere, load, up
from replica_fleet import fleet
from road import eventually
from stores.redis_server import BINARY, RedisServer

from gateway.core.limit import Span
from gateway.limits.windows import window_at
from gateway.stores.base import Ask
from gateway.stores.redis_leases import RedisStore

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
ROWS, AT_ONCE = 50_000, 500
ZONES = ("Europe/Zurich", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia")


async def test_a_copy_takes_over_that_lacks_the_last_half_second(tmp_path, shown):
    with fleet(tmp_path, MONEY, behind=ChaosProxy) as made:
        between = ChaosProxy(made.redis.port)
        second = RedisServer(tmp_path / "second", ("--replicaof", "127.0.0.1", str(between.port))).start()
        try:
            eventually(lambda: b"master_link_status:up" in second.say("INFO", "replication"))
            async with load(made, callers=4) as answers:
                await asyncio.to_thread(eventually, lambda: answers.statuses[200] >= 20)
                between.both(SILENT)
                await asyncio.sleep(0.5)
                made.redis.kill()
                second.say("REPLICAOF", "NO", "ONE")
                made.proxy.turn(second.port)
                made.redis = second
                await asyncio.sleep(2)
            back_s = await asyncio.to_thread(eventually, lambda: up(made))
            more = await everywhere(made, callers=8, calls=700)
            spent = made.assert_books_agree(BUDGET, died=True)
        finally:
            second.kill()
            between.stop()
    shown(
        "B9",
        "partition of 0.5 s, SIGKILL of the primary, promotion",
        f"${spent} of ${BUDGET} spent, store and ledgers agree; {answers.statuses[200]} served meanwhile, "
        f"{answers.statuses[503]} refused with 503; up within {back_s:.2f} s after",
        target="0 overspent, 0 missing after all have told anew",
        met=bool(answers.statuses[200]) and bool(more.statuses[429]) and BUDGET * Decimal("0.9") <= spent <= BUDGET,
    )


def booked(dice, rows):
    """What so many calls have spent, by record: of a thousand keys in a hundred teams of ten orgs, in three windows."""
    sums = Counter()
    for _ in range(rows):
        key, cost = dice.randrange(1000), dice.randrange(10**6)
        for node in ("all", f"org:{key // 100}", f"team:{key // 10}", f"key:{key}"):
            for window in ("lifetime@always", "month@2026-11-01", "day@2026-11-22"):
                sums[f"{node}/usd/{window}"] += cost
    return sums


async def test_all_that_one_knows_is_told_to_a_store_that_forgot(tmp_path, shown, dice):
    """A record says what all calls together came to, so there are fewer of them than rows in the journal."""
    redis = RedisServer(tmp_path / "redis").start()
    store = RedisStore(redis.patient_url)
    asks = [
        Ask(record, 10**15, spent, spent, keep=spent, turn=1) for record, spent in sorted(booked(dice, ROWS).items())
    ]
    batches = [asks[at : at + AT_ONCE] for at in range(0, len(asks), AT_ONCE)]
    tries = []
    try:
        for _ in range(3):
            redis.say("FLUSHALL")
            begun = time.monotonic()
            for batch in batches:
                await store.exchange("one", batch)
            tries.append(time.monotonic() - begun)
        words = [word for batch in batches for word in await store.exchange("one", batch)]  # Again: nothing changes.
    finally:
        await store.close()
        redis.kill()
    wrong = sum(word.spent != ask.spent for word, ask in zip(words, asks, strict=True))
    shown(
        "B9",
        "what 50,000 calls have booked, told anew",
        f"{len(asks)} records in {min(tries):.2f} s (best of 3), {wrong} wrong after",
        target="less than 2 s, 0 wrong",
        met=not wrong,
        bounded=min(tries) < 2,
    )


async def test_a_minute_ends_under_load(tmp_path, shown):
    """One gateway's own clock is five minutes behind, another's ahead; windows go by the store's."""
    how = "clocks 5 min behind and ahead, a minute ends under load"
    if FAKETIME is None:
        shown.untried("B11", how, target="0 in a wrong window", lacking="libfaketime")
    budget = Decimal("0.003")
    off = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    clocks = {number: off | {"FAKETIME": by} for number, by in enumerate(("-5m", "+5m"))}
    limits = MONEY.replace("lifetime", "minute").replace(str(BUDGET), str(budget))
    with fleet(tmp_path, limits, env=clocks) as made:
        await asyncio.sleep(max(0, 57 - time.time() % 60) if time.time() % 60 < 57 else 0)
        begun = time.time()
        async with load(made, callers=8):
            await asyncio.sleep(65 if shown.full else 8)
        made.assert_books_agree(budget)
        lines = made.entries()
    wrong = sum(not any(_minute(line["at"] - s) in next(iter(line["charges"])) for s in (0, HELD_S)) for line in lines)
    early = sum(not begun - 5 < line["at"] < time.time() + 5 for line in lines)
    windows = {name for line in lines for name in line["charges"]}
    shown(
        "B11",
        how,
        f"{wrong + early} of {len(lines)} entries in a wrong window, {len(windows)} windows, none above ${budget}",
        target="0 in a wrong window, 0 overspent",
        met=not wrong and not early and len(windows) >= 2,
    )


HELD_S = 1.0
"""A call is charged to the minute in which its money was held, which may have ended when it left."""


def _minute(at):
    """How the minute of that moment stands in an account's name."""
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(at))


def test_days_of_23_and_25_hours(shown):
    """Every second of a year belongs to one day of its zone, and the days are as long as their country makes them."""
    step = 60 if shown.full else 1800
    wrong, lengths, moments = 0, set(), 0
    for zone in ZONES:
        year = 2011 if "Apia" in zone else 2026
        at, last = (datetime(y, 1, 1, tzinfo=UTC).timestamp() for y in (year, year + 1))
        while at < last:
            window = window_at(Span.DAY, zone, at)
            local = datetime.fromtimestamp(at, ZoneInfo(zone)).date()
            first = datetime.fromtimestamp(window.start, ZoneInfo(zone)).date()
            wrong += first != local or not window.start <= at < window.end
            lengths.add(round((window.end - window.start) / 3600, 1))
            moments, at = moments + 1, at + step
    shown(
        "B11",
        "every day of a year in four zones",
        f"{wrong} of {moments} moments in a wrong window; days of {', '.join(f'{x:g}' for x in sorted(lengths))} h",
        target="0",
        met=not wrong and {23, 24, 25} <= lengths,
    )
