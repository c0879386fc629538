"""O2: gateways are told to stop with hundreds of streams in flight, and are replaced in turn by a newer version."""

import asyncio
import io
import shutil
import signal
import subprocess
import tarfile
import time
from collections import Counter

import aiohttp
import pytest
from balancer import balancing
from crowd import chat
from harness import ROOT
from replica_fleet import PEPPER, fleet
from road import PROVIDERS, assert_in_order, billed, entries, road, spent
from rolling import GRACE, LIMITS, Load, address, assert_store_agrees, stopped
from stores.redis_server import BINARY

GRACE_S = 3
PATIENCE = aiohttp.ClientTimeout(total=120)
TARGET = "0 cut, 0 lost, not ready at first, then 3 s of grace, then no more connections"
VERSIONS = "0 calls lost or cut, all books agree"


class Watched:
    """What a gateway that stops says of itself, and since when; the word to stop comes at 0."""

    def __init__(self, url):
        self.url, self.not_ready_s, self.closed_s, self.taken = url, None, None, 0

    async def until_closed(self, token):
        """Ask and call over new connections all the while."""
        begun, headers = time.monotonic(), {"Authorization": f"Bearer {token}"}
        while self.closed_s is None:
            try:
                async with aiohttp.ClientSession(timeout=PATIENCE) as session:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 503 and self.not_ready_s is None:
                            self.not_ready_s = time.monotonic() - begun
                    if self.not_ready_s is not None:
                        url = f"{self.url}/v1/chat/completions"
                        async with session.post(url, json=chat(), headers=headers) as answer:
                            self.taken += answer.status == 200
            except aiohttp.ClientOSError:  # Refused; or reset, if the kernel had it and nobody took it any more.
                self.closed_s = time.monotonic() - begun
            await asyncio.sleep(0.05)


async def whole(session, url, begun):
    """Whether a stream came to its end. `begun` counts those whose first bytes have come."""
    body = chat("[[sim: tokens=80 tps=8]]", stream=True)
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            first = await answer.content.readline()
            begun.append(first)
            return (first + await answer.read()).endswith(b"data: [DONE]\n\n")
    except (aiohttp.ClientError, ConnectionError):
        return False


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_is_told_to_stop_with_streams_in_flight(workers, tmp_path, shown):
    count = 500 if shown.full else 100
    config = f"server: {{workers: {workers}, ready_grace: {GRACE_S}s, drain: 90s}}\n{PROVIDERS}{LIMITS}"
    with road(tmp_path, config) as way:
        begun = []
        headers = {"Authorization": f"Bearer {way.first}"}
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session:
            streams = [asyncio.create_task(whole(session, way.url, begun)) for _ in range(count)]
            async with asyncio.timeout(60):
                while len(begun) < count:  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.02)
            under_way = sum(not stream.done() for stream in streams)
            way.gate.process.send_signal(signal.SIGTERM)
            watched = Watched(way.url)
            await watched.until_closed(way.first)
            ended = sum(await asyncio.gather(*streams))
        status = await asyncio.to_thread(way.gate.process.wait, 100)
        lines, bill = entries(way.gate.home), way.bill()
        said = way.gate.stderr
    assert_in_order(said)
    cut, lost = count - ended, len(bill) - sum(line["outcome"] == "ok" for line in lines)
    met = not cut and not lost and status == 0 and spent(lines) == billed(bill) and watched.taken > 0
    shown(
        "O2",
        f"SIGTERM with streams in flight, {workers} worker{'s' * (workers > 1)}",
        f"{cut} of {count} streams cut ({under_way} were under way), {lost} of {len(bill)} charges lost; not ready "
        f"after {watched.not_ready_s:.2f} s, {watched.taken} calls over new connections until {watched.closed_s:.1f} s",
        target=TARGET,
        met=met and watched.not_ready_s < watched.closed_s and watched.closed_s >= GRACE_S,
        cut=cut,
        lost=lost,
        status=status,
        differs_usd=str(spent(lines) - billed(bill)),
    )


def older(folder):
    """The tree before the newest change to the store's scripts; None where its history is not here."""
    git = shutil.which("git")
    if git is None:
        return None, ""
    asked = ["log", "-1", "--format=%h", "--skip=1", "--first-parent", "--", "gateway/stores/lua"]
    commit = subprocess.run([git, *asked], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    packed = subprocess.run([git, "archive", commit or "?", "gateway", "policies"], cwd=ROOT, capture_output=True)  # noqa: PLW1510
    if packed.returncode:
        return None, ""
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tree:
        tree.extractall(folder, filter="data")
    return folder, commit


async def test_an_older_version_is_replaced_under_load(tmp_path, monkeypatch, shown):
    """Two of the older one, then one of each on one Redis, then two of this one."""
    how = "two gateways of an older version replaced in turn under load"
    tree, commit = older(tmp_path / "older")
    if BINARY is None or tree is None:
        lacking = "no Redis" if BINARY is None else "no history with an older version"
        shown.untried("O2", how, target=VERSIONS, lacking=lacking)
    monkeypatch.setenv("PEPPER", PEPPER)
    env = {number: {"PYTHONPATH": str(tree)} for number in range(2)}
    with fleet(tmp_path, GRACE + LIMITS, "--first-token-ms", "20", env=env) as made:
        async with balancing(lambda: [address(gate) for gate in made.gates]) as (balancer, url):
            await balancer.all_ready(2)
            load = Load(url, made.first)

            async def roll():
                for number in (0, 1):
                    await asyncio.sleep(10 if shown.full else 1)
                    await stopped(made.gates[number])
                    await asyncio.to_thread(made.restart, number)
                    await balancer.all_ready(2)
                await asyncio.sleep(1)

            await load.during(roll)
            refused = balancer.refused
        for gate in made.gates:
            await asyncio.to_thread(gate.rest)
        lines, bill = made.entries(), made.gates[0].bill()
        await asyncio.gather(*(stopped(gate) for gate in made.gates))
        assert_store_agrees(made, lines)
    outcomes = Counter(line["outcome"] for line in lines)
    shown(
        "O2",
        how,
        f"{commit} replaced: {load.done.total()} calls, {load.done['stream']} of them streams, {refused} refused, "
        f"{len(bill) - len(lines)} charges lost, ${spent(lines) - billed(bill)} difference",
        target=VERSIONS,
        met=not refused and outcomes == {"ok": load.done.total()} and spent(lines) == billed(bill),
    )
