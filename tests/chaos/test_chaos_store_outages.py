"""B7, B8 and B10: the store that gateways share is away, slow, frozen or full while calls go on."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest
from chaos_proxy import NONE, SILENT, ChaosProxy, Toxics
from harness import ROOT
from outages import BUDGET, HANGS_S, MONEY, down, drained, everywhere, load, up
from replica_fleet import fleet
from road import eventually
from stores.redis_server import BINARY, RedisServer

INSIDE = "FAREWAY_TESTS_INSIDE_A_NAMESPACE"
TARGET = "served while the lease lasts, then 503; nobody hangs; 0 overspent, all books agree"
ADDED_MS_MAX = {"B7": 60, "B8": 100, "B10": 100}  # Of 99 in 100. One question is 50 ms, and may come after one more.
SERVED_MS_MAX = 10  # In the median: what is leased needs no word of the store.
RECORD = "{fareway:1}:record:all/usd/lifetime@always"
BUSY = (
    "what the processor was waited for counts, too: callers, two gateways, provider and store share two, and the rest "
    "of the machine"
)

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")


@dataclass(frozen=True)
class Waits:
    """Of calls while the store was away, in milliseconds; and what the median of those before took."""

    before: float
    served: float  # The median.
    p99: float
    most: float
    queued_s: float  # For how long a gateway was ready to run and had no processor.

    @classmethod
    def of(cls, before, answers, queued_s):
        waits = sorted(answers.waits)
        served = median(answers.waits_of[200])
        found = median(before.waits_of[200]), served, waits[len(waits) * 99 // 100], waits[-1]
        return cls(*(1000 * one for one in found), queued_s)

    def kept(self, row):
        """Whether they are what the row asks for."""
        added, of_served = self.p99 - self.before, self.served - self.before
        return added <= ADDED_MS_MAX[row] and of_served <= SERVED_MS_MAX


def told(answers, waits, spent, noticed_s):
    """The same words for every way to be away."""
    statuses = Counter(answers.statuses)
    others = sum(statuses.values()) - statuses[200] - statuses[503]
    return (
        f"{statuses[200]} served, {statuses[503]} refused with 503, {others} otherwise; it took {waits.p99:.0f} ms "
        f"(p99) and {waits.most:.0f} at most, {waits.served:.0f} ms (p50) who was served, and {waits.before:.0f} "
        f"before; each gateway waited {waits.queued_s:.1f} s for a processor; noticed after {noticed_s:.2f} s; "
        f"${spent} of ${BUDGET} spent"
    )


def queued_s(made):
    """How long gateways have been ready to run without a processor, in the mean."""
    files = [Path(f"/proc/{gate.gate.process.pid}/schedstat") for gate in made.gates]
    return sum(int(file.read_text().split()[1]) for file in files) / len(files) / 1e9


def well(answers):
    return bool(answers.statuses[200]) and set(answers.statuses) <= {200, 503} and max(answers.waits) < HANGS_S


async def away(made, shown, row, how, *, breaks, mends):
    """The store is taken away under load and given back; then the money is spent to the end."""
    before = await everywhere(made, callers=4, calls=40)
    breaks()
    queued = queued_s(made)
    calls = asyncio.create_task(everywhere(made, callers=4, calls=600 if shown.full else 60))
    noticed_s = await asyncio.to_thread(eventually, lambda: down(made))
    answers = await calls
    waits = Waits.of(before, answers, queued_s(made) - queued)
    mends()
    await asyncio.to_thread(eventually, lambda: up(made))
    spent = await drained(made)
    shown(
        row,
        how,
        told(answers, waits, spent, noticed_s),
        target=f"{TARGET}; p99 at most {ADDED_MS_MAX[row]} ms above what a call took before, the served (p50) 0",
        met=well(answers) and spent <= BUDGET,
        bounded=waits.kept(row),
        because=BUSY,
    )


async def test_it_does_not_answer_any_more(tmp_path, shown):
    with fleet(tmp_path, MONEY, patient=False) as made:
        redis = made.redis
        await away(made, shown, "B8", "frozen (SIGSTOP) under load", breaks=redis.freeze, mends=redis.thaw)


@pytest.mark.parametrize("seconds", [0.2, 1, 5])
async def test_it_stands_still_for_so_long(tmp_path, shown, seconds):
    """With money for all, so that nobody is refused by a limit."""
    budget = Decimal("0.5")
    with fleet(tmp_path, MONEY.replace(str(BUDGET), str(budget)), patient=False) as made:
        async with load(made, callers=2) as answers:
            await asyncio.sleep(1)
            made.redis.freeze()
            await asyncio.sleep(seconds)
            made.redis.thaw()
            await asyncio.to_thread(eventually, lambda: up(made))
            at_thaw = answers.statuses[200]
            await asyncio.to_thread(eventually, lambda: answers.statuses[200] > at_thaw)
        spent = made.assert_books_agree(budget, died=True)
    shown(
        "B8",
        f"frozen for {seconds:g} s under load",
        f"{answers.statuses[200]} served, {answers.statuses[503]} refused with 503; {1000 * max(answers.waits):.0f} ms "
        f"at most; ${spent} of ${budget} spent",
        target="served or 503; nobody hangs; 0 overspent, all books agree",
        met=well(answers),
    )


async def test_it_is_out_of_memory(tmp_path, shown):
    def say(size):
        return lambda: made.redis.say("CONFIG", "SET", "maxmemory", size)

    with fleet(tmp_path, MONEY) as made:
        await away(made, shown, "B10", "out of memory (noeviction)", breaks=say("1"), mends=say("0"))


async def test_it_is_slow(tmp_path, shown):
    with fleet(tmp_path, MONEY, patient=False, behind=ChaosProxy) as made:
        how = "each way takes 200 ms longer"
        slow = Toxics(latency_s=0.2)
        await away(made, shown, "B8", how, breaks=lambda: made.proxy.both(slow), mends=lambda: made.proxy.both(NONE))


async def test_one_does_not_reach_it_and_nothing_says_so(tmp_path, shown):
    """Packets just do not arrive."""
    with fleet(tmp_path, MONEY, patient=False, behind=ChaosProxy) as made:
        how = "nothing passes between gateways and store"
        await away(made, shown, "B7", how, breaks=lambda: made.proxy.both(SILENT), mends=lambda: made.proxy.both(NONE))


def test_it_may_evict(tmp_path, shown):
    """Then it is not used at all."""
    redis = RedisServer(tmp_path / "redis", ("--maxmemory-policy", "allkeys-lru"))
    with pytest.raises(AssertionError) as ended, fleet(tmp_path, MONEY, redis=redis, count=1):
        pass
    met = "maxmemory-policy allkeys-lru" in str(ended.value)
    figure = "the gateway does not start, and says why" if met else "it starts"
    shown("B10", "a store that evicts", figure, target="refused with the reason", met=met)


async def test_it_loses_its_records_while_it_runs(tmp_path, shown):
    """As an eviction that nobody forbade would: the mark is gone, too, and that is noticed."""
    with fleet(tmp_path, MONEY) as made:
        await everywhere(made, callers=4, calls=40)
        made.redis.say("FLUSHALL")
        begun = time.monotonic()
        await asyncio.to_thread(eventually, lambda: b"1" in made.redis.say("EXISTS", "{fareway:1}:meta"))
        back_s = time.monotonic() - begun
        await asyncio.sleep(1.5)
        spent = await drained(made)
    shown(
        "B10",
        "all records deleted while it runs",
        f"noticed and begun anew after {back_s:.2f} s; ${spent} of ${BUDGET} spent",
        target="noticed within 1 s, no budget begins anew",
        met=spent <= BUDGET,
        bounded=back_s <= 1,
    )


async def test_it_loses_one_record_while_it_runs(tmp_path, shown):
    """As an eviction that nobody forbade would: all else is there, the mark too."""
    with fleet(tmp_path, MONEY) as made:
        await everywhere(made, callers=4, calls=40)
        assert made.redis.say("DEL", RECORD) == b":1\r\n"
        await asyncio.sleep(1.5)
        spent = await drained(made)
    figure, target = f"${spent} of ${BUDGET} spent", "no budget begins anew"
    shown("B10", "one record deleted while it runs", figure, target=target, met=spent <= BUDGET)


async def test_it_is_told_to_evict_while_it_runs(tmp_path, shown):
    """Before it has, and until it is told otherwise."""
    with fleet(tmp_path, MONEY) as made:
        await everywhere(made, callers=4, calls=40)
        made.redis.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        begun = time.monotonic()
        await asyncio.to_thread(eventually, lambda: down(made))
        noticed_s = time.monotonic() - begun
        made.redis.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await asyncio.to_thread(eventually, lambda: up(made))
        spent = await drained(made)
    shown(
        "B10",
        "told to evict while it runs",
        f"not used any more after {noticed_s:.2f} s; ${spent} of ${BUDGET} spent",
        target="noticed within 2 s, no budget begins anew",
        met=spent <= BUDGET,
        bounded=noticed_s <= 2,
    )


@pytest.mark.skipif(INSIDE in os.environ, reason="this is that namespace")
def test_in_a_network_of_our_own(shown):
    """There the firewall is ours."""
    probe = ["unshare", "--net", "nft", "list", "ruleset"]
    missing = [tool for tool in ("unshare", "nft", "ip") if shutil.which(tool) is None]
    if missing or subprocess.run(probe, check=False, capture_output=True).returncode:
        lacking = f"no namespace with nft: {', '.join(missing) or 'not permitted'}"
        shown.untried("B7", "a firewall drops every packet", target=TARGET, lacking=lacking)
    inside = f"ip link set lo up && exec {sys.executable} -m pytest -q -p no:cacheprovider {__file__} -k partition"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", inside],
        env=os.environ | {INSIDE: "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.skipif(INSIDE not in os.environ, reason="only in a network of our own")
async def test_a_partition_that_drops_every_packet(tmp_path, shown):
    def nft(rules):
        subprocess.run(["nft", rules], check=True)

    def cut():
        nft("add table inet cut; add chain inet cut in { type filter hook input priority 0; }")
        nft(f"add rule inet cut in tcp dport {port} drop; add rule inet cut in tcp sport {port} drop")

    with fleet(tmp_path, MONEY, patient=False) as made:
        port = made.redis.port
        mends = lambda: nft("delete table inet cut")  # noqa: E731 - as for the others
        await away(made, shown, "B7", "a firewall drops every packet", breaks=cut, mends=mends)


async def test_an_allowance_for_its_absence(tmp_path, shown):
    """What each replica may spend without a word of the store, and no more."""
    allowed = Decimal("0.001")
    limits = MONEY.replace("lifetime", f"lifetime, store_outage: allow {allowed} usd per replica")
    limits = limits.replace(str(BUDGET), "0.004")
    with fleet(tmp_path, limits) as made:
        await everywhere(made, callers=4, calls=20)
        made.redis.kill()
        answers = await everywhere(made, callers=8, calls=1000)
        made.redis.start()
        await asyncio.to_thread(eventually, lambda: up(made))
        await everywhere(made, callers=8, calls=500)
        spent = made.assert_books_agree(Decimal("0.004") + 2 * allowed)
    over = max(Decimal(0), spent - Decimal("0.004"))
    shown(
        "B7",
        "`allow`: killed, with an allowance of $0.001 for each of two",
        f"${over} above the limit, {answers.statuses[200]} served and {answers.statuses[503]} refused without it",
        target="at most $0.002 above it",
        met=over <= 2 * allowed and set(answers.statuses) <= {200, 503},
    )
