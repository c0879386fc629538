"""What takes longer: crashes, failovers, partitions and full disks under load. `make chaos-limits` runs it.

After each, the provider's bill, the ledgers and the store are compared, and no window has more than its budget.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from chaos_proxy import NONE, SILENT, ChaosProxy, Toxics
from crowd import crowd
from harness import ROOT
from outages import BODY, BUDGET, HANGS_S, MONEY, down, drained, everywhere, load, up
from replica_fleet import fleet
from road import eventually
from stores.redis_server import BINARY, RedisServer

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")

INSIDE = "FAREWAY_TESTS_INSIDE_A_NAMESPACE"


async def test_a_store_out_of_memory_counts_as_down(tmp_path):
    with fleet(tmp_path, MONEY) as made:
        await everywhere(made, callers=4, calls=40)
        made.redis.say("CONFIG", "SET", "maxmemory", "1")
        eventually(lambda: down(made))
        answers = await everywhere(made, calls=100)
        assert answers.statuses[200], "with what is leased"
        assert set(answers.statuses) <= {200, 503}
        made.redis.say("CONFIG", "SET", "maxmemory", "0")
        eventually(lambda: up(made))
        await drained(made)


async def test_a_slow_store_counts_as_down_and_slows_no_call(tmp_path):
    with fleet(tmp_path, MONEY, patient=False, behind=ChaosProxy) as made:
        await everywhere(made, callers=4, calls=40)
        made.proxy.both(Toxics(latency_s=0.2))
        eventually(lambda: down(made))
        answers = await everywhere(made, calls=100)
        assert answers.statuses[200], "with what is leased"
        assert max(answers.waits) < HANGS_S
        made.proxy.both(NONE)
        eventually(lambda: up(made))
        await drained(made)


async def test_one_replica_is_cut_off_and_the_other_goes_on(tmp_path):
    """Nothing says that the line is dead: packets just do not arrive."""
    with fleet(tmp_path, MONEY, behind=ChaosProxy) as made:
        await everywhere(made, callers=4, calls=40)
        made.proxy.both(SILENT)
        answers = await everywhere(made, calls=60)
        assert answers.statuses[200], "with what is leased"
        made.proxy.both(NONE)
        eventually(lambda: up(made))
        await drained(made)


async def test_a_replica_takes_over_that_lacks_the_last_half_second(tmp_path):
    with fleet(tmp_path, MONEY, behind=ChaosProxy) as made:
        between = ChaosProxy(made.redis.port)
        second = RedisServer(tmp_path / "second", ("--replicaof", "127.0.0.1", str(between.port))).start()
        try:
            eventually(lambda: b"master_link_status:up" in second.say("INFO", "replication"))
            async with load(made, callers=4) as answers:
                await asyncio.sleep(0.7)
                between.both(SILENT)
                await asyncio.sleep(0.5)
                made.redis.kill()
                second.say("REPLICAOF", "NO", "ONE")
                made.proxy.turn(second.port)
                made.redis = second
                await asyncio.sleep(2)
            assert answers.statuses[200]
            assert set(answers.statuses) <= {200, 429, 503}
            eventually(lambda: up(made))
            assert await drained(made) >= BUDGET * Decimal("0.9")
        finally:
            second.kill()
            between.stop()


async def test_one_of_four_is_killed_with_a_hundred_calls_in_flight(tmp_path):
    budget = Decimal("0.03")
    limits = MONEY.replace(str(BUDGET), str(budget))
    with fleet(tmp_path, limits, "--first-token-ms", "400", count=4) as made:
        killed = made.gates[3]
        await asyncio.sleep(1.5)
        others = [
            asyncio.create_task(crowd(gate, made.first, callers=8, calls=60, body=BODY)) for gate in made.gates[:3]
        ]
        victims = asyncio.create_task(crowd(killed, made.first, callers=130, calls=10**4, body=BODY))
        await asyncio.to_thread(eventually, lambda: killed.metric("fareway_inflight_requests") >= 100)
        killed.gate.kill()
        victims.cancel()
        await asyncio.gather(victims, *others, return_exceptions=True)
        made.restart(3)
        unresolved = [line for line in killed.entries() if line["outcome"] == "unresolved"]
        assert len(unresolved) >= 100
        for gate in made.gates:
            await crowd(gate, made.first, callers=64, calls=800, body=BODY)
        spent = made.assert_books_agree(budget, died=True)
        assert spent >= budget * Decimal("0.9"), "what the dead one had leased is there again"


async def test_a_minute_ends_under_load(tmp_path):
    with fleet(tmp_path, MONEY.replace("lifetime", "minute").replace(str(BUDGET), "0.003")) as made:
        await asyncio.sleep(max(0, 55 - time.time() % 60))
        for _ in range(3):
            answers = await everywhere(made, calls=200)
            assert answers.statuses[429] + answers.statuses[200] == sum(answers.statuses.values())
            await asyncio.sleep(3)
        made.assert_books_agree(Decimal("0.003"))
        assert len({account for gate in made.gates for account in gate.balances()}) >= 2


def mounted(folder: Path) -> bool:
    """Whether a disk of 1 MiB is there now."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    return (
        shutil.which("mount") is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=False)


async def test_a_full_disk_under_the_journal_refuses_clearly_and_loses_nothing(tmp_path):
    disk = tmp_path / "disk"
    if not mounted(disk):
        pytest.skip("this machine does not let us mount a small disk")
    try:
        with fleet(tmp_path, f"journal: {{dir: {disk}}}\n{MONEY}", count=1) as made:
            await everywhere(made, calls=40)
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(512))
            answers = await everywhere(made, calls=200)
            assert answers.statuses[503], answers.statuses
            assert set(answers.statuses) <= {200, 503}
            filler.unlink()
            assert (await everywhere(made, calls=40)).statuses == {200: 40}
            made.assert_books_agree(BUDGET)
    finally:
        unmount(disk)


@pytest.mark.skipif(INSIDE in os.environ, reason="this is that namespace")
def test_in_a_network_of_our_own():
    """There the firewall is ours."""
    probe = ["unshare", "--net", "nft", "list", "ruleset"]
    missing = [tool for tool in ("unshare", "nft", "ip") if shutil.which(tool) is None]
    if missing or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip(f"no namespace with nft here: {', '.join(missing) or 'not permitted'}")
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
async def test_a_partition_that_drops_every_packet(tmp_path):
    with fleet(tmp_path, MONEY, patient=False) as made:
        await everywhere(made, callers=4, calls=40)
        port = made.redis.port
        nft("add table inet cut; add chain inet cut in { type filter hook input priority 0; }")
        nft(f"add rule inet cut in tcp dport {port} drop; add rule inet cut in tcp sport {port} drop")
        answers = await everywhere(made, calls=150)
        assert answers.statuses[200], "with what is leased"
        assert set(answers.statuses) <= {200, 503}
        assert max(answers.waits) < HANGS_S
        nft("delete table inet cut")
        eventually(lambda: up(made))
        await drained(made)


def nft(rules):
    subprocess.run(["nft", rules], check=True)
