"""O4: the disk is full, read-only or failing, under the journal, under the ledger or under all of the home."""

import asyncio
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import harness
import pytest
from crowd import PATIENCE, chat
from road import Road, assert_in_order, billed, spent

LIMITS = "limits:\n  - {node: all, amount: 1000 usd, window: lifetime, hold: HOLD}\n"

CONFIG = """
journal: {dir: JOURNAL}
providers:
  sim: {base_url: SIM_URL/v1}
"""
TARGET = "0 lost entries; refused in the caller's dialect with Retry-After, not ready meanwhile, and back by itself"
WENT_ON = "0 lost entries; calls go on, and the books have all by themselves once they can"
SAID_IN = {  # Where an error's text stands, by path.
    "/v1/chat/completions": lambda said: said["error"]["message"],
    "/v1/messages": lambda said: said["error"]["message"] if said["type"] == "error" else None,
    "/v1beta/models/sim-small:generateContent": lambda said: said["error"]["message"] if said["error"]["status"] else 0,
}
BODIES = {
    "/v1/chat/completions": chat(max_tokens=50),
    "/v1/messages": chat(max_tokens=50),
    "/v1beta/models/sim-small:generateContent": {"contents": [{"role": "user", "parts": [{"text": "Hello!"}]}]},
}
STREAM = chat("[[sim: tokens=60 tps=40]]", stream=True)
WHOLE = b"data: [DONE]\n\n"
LONG_STREAM = chat("[[sim: tokens=4000 tps=1000]]", stream=True)
"""More than is held for at first."""


@dataclass
class Disk:
    """One that can be broken and mended. `env`: of the process that uses it."""

    root: Path
    env: dict[str, str]
    breaks: Callable[[], object]
    mends: Callable[[], object]


@contextmanager
def small_disk(folder, megabytes):
    """A real one that is soon full; None where this machine does not let us mount one."""
    folder.mkdir(parents=True)
    mount = shutil.which("mount")
    command = [mount, "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    filler = folder / "filler"

    def fill():
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(512))

    try:
        yield Disk(folder, {}, fill, filler.unlink)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """What stands between the gateway and libc; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    made = tmp_path_factory.mktemp("shim") / "failing_disk.so"
    source = Path(__file__).parent / "failing_disk.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


def failing(folder, shim, under, how):
    """One whose system calls fail."""
    says = folder / "says"
    says.write_text("")
    env = {"LD_PRELOAD": str(shim), "FAILING_UNDER": under, "FAILING_SAYS": str(says)}
    return Disk(folder, env, lambda: says.write_text(how), lambda: says.write_text(""))


@contextmanager
def served(tmp_path, disk, home, journal, hold="strict"):
    """A gateway whose books are there, and a simulator whose bill is elsewhere."""
    sim = harness.simulator(tmp_path / "sim", "--first-token-ms", "5")
    config = (CONFIG + LIMITS).replace("SIM_URL", sim.url).replace("JOURNAL", str(journal)).replace("HOLD", hold)
    gate = harness.gateway(home, config, env=disk.env)
    way = Road(sim, gate, *gate.tokens)
    try:
        yield way
    finally:
        status = way.gate.stop()
        sim.stop()
    assert status == 0, gate.stderr
    assert_in_order(gate.stderr)


async def status_of(way, path):
    async with aiohttp.ClientSession(timeout=PATIENCE) as session, session.get(f"{way.url}{path}") as answer:
        return answer.status


async def call(way, path):
    """Its status, how long to wait, and what was said."""
    headers = {"Authorization": f"Bearer {way.first}", "x-api-key": way.first, "anthropic-version": "2023-06-01"}
    async with (
        aiohttp.ClientSession(timeout=PATIENCE, headers=headers) as session,
        session.post(f"{way.url}{path}", json=BODIES[path]) as answer,
    ):
        return answer.status, answer.headers.get("Retry-After"), json.loads(await answer.read())


async def streamed(way, asked=STREAM):
    """All of a stream that was begun."""
    headers = {"Authorization": f"Bearer {way.first}"}
    async with (
        aiohttp.ClientSession(timeout=PATIENCE, headers=headers) as session,
        session.post(f"{way.url}/v1/chat/completions", json=asked) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def calls(way, count):
    return [await call(way, path) for _ in range(count) for path in BODIES]


async def until_ready(way):
    begun = time.monotonic()
    while await status_of(way, "/readyz") != 200:
        assert time.monotonic() < begun + 20, "it does not come back"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def broken_and_mended(way, disk, wait_s, *, refuses, count):
    """What was seen of it: how many calls were refused, how many streams that were in flight ended, how soon it was
    ready again."""
    assert [status for status, *_ in await calls(way, count)] == [200] * (3 * count)
    streams = [asyncio.create_task(streamed(way)) for _ in range(8)]
    await asyncio.sleep(wait_s)
    disk.breaks()
    refused = await calls(way, count)
    assert await status_of(way, "/healthz") == 200
    if refuses:
        await asyncio.sleep(0.5)  # The journal is synced in groups: what fails is known a moment later.
        refused = await calls(way, count)
        for (status, wait, said), path in zip(refused, [*BODIES] * count, strict=True):
            assert (status, wait) == (503, "1"), said
            assert "journal" in SAID_IN[path](said)
        assert await status_of(way, "/readyz") == 503
        assert way.metric("fareway_journal_refused") == 1
    else:
        assert [status for status, *_ in refused] == [200] * (3 * count)
        assert await status_of(way, "/readyz") == 200
    ended = sum(whole.endswith(WHOLE) for whole in await asyncio.gather(*streams))
    disk.mends()
    back_s = await until_ready(way)
    assert [status for status, *_ in await calls(way, count)] == [200] * (3 * count)
    return len(refused) if refuses else 0, ended, back_s


def again(way):
    """The bill beside the entries by call, after a crash that changes nothing."""
    way.rest()
    before = spent(way.entries())
    config = (way.gate.home / "fareway.yaml").read_text()
    way.gate.kill()
    way.gate = harness.gateway(way.gate.home, config)
    lines, bill = way.entries(), way.bill()
    assert spent(lines) == before
    known = {line["request_id"]: line for line in lines}
    assert len(known) == len(lines)
    return bill, known


def lost(way):
    """Charges without an entry of the same amount, also after a crash."""
    bill, known = again(way)
    return sum(
        one["gateway_request_id"] not in known or spent([known[one["gateway_request_id"]]]) != billed([one])
        for one in bill
    )


async def tried(way, disk, shown, *, how, refuses):
    wait_s, count = random.Random(shown.seed).uniform(0.2, 0.6), 40 if shown.full else 4
    refused, ended, back_s = await broken_and_mended(way, disk, wait_s, refuses=refuses, count=count)
    missing = await asyncio.to_thread(lost, way)
    told = f"{refused} calls refused, " if refuses else f"{3 * count} calls answered, "
    shown(
        "O4",
        how,
        f"{missing} of {len(way.bill())} charges lost; {told}{ended} of 8 streams ended whole, ready again in "
        f"{back_s:.2f} s",
        target=TARGET if refuses else WENT_ON,
        met=missing == 0 and ended == 8,
        lost=missing,
        refused=refused,
        streams=ended,
        back_s=round(back_s, 3),
    )


@pytest.mark.parametrize("what", ["journal", "home"])
async def test_a_full_disk(what, tmp_path, shown):
    how = f"a disk of {1 if what == 'journal' else 16} MiB is filled under the {what}"
    if not shown.full and what == "home":
        pytest.skip("only where there is time for all")
    with small_disk(tmp_path / "disk", 1 if what == "journal" else 16) as disk:
        if disk is None:
            shown.untried("O4", how, target=TARGET, lacking="no disk can be mounted here")
        home = tmp_path / "gate" if what == "journal" else disk.root / "home"
        with served(tmp_path, disk, home, disk.root / "journal") as way:
            await tried(way, disk, shown, how=how, refuses=True)


IN_SHORT = {("read-only", "home"), ("an I/O error of fsync", "journal")}
FAULTS = {"no space": "write 28", "an I/O error": "write 5", "read-only": "write 30", "an I/O error of fsync": "sync 5"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("what", ["journal", "ledger.db", "home"])
async def test_a_disk_that_fails(fault, what, tmp_path, shown, shim):
    how = f"{fault} under the {'ledger' if what == 'ledger.db' else what}"
    if not shown.full and (fault, what) not in IN_SHORT:
        pytest.skip("only where there is time for all")
    if shim is None:
        shown.untried("O4", how, target=TARGET, lacking="no C compiler")
    home = tmp_path / "home"
    under = str(home) if what == "home" else str(home / what)
    disk = failing(tmp_path, shim, under, FAULTS[fault])
    with served(tmp_path, disk, home, home / "journal") as way:
        await tried(way, disk, shown, how=how, refuses=what != "ledger.db")


async def test_streams_that_have_to_hold_more(tmp_path, shown, shim):
    """What they need cannot be written down: they are ended, as those are whose money is used up."""
    how = "streams that have to hold more while nothing can be written (no space) under the journal"
    target = "each is told why or is whole; 0 of what they cost lost"
    if shim is None:
        shown.untried("O4", how, target=target, lacking="no C compiler")
    home, count = tmp_path / "home", 64 if shown.full else 16
    disk = failing(tmp_path, shim, str(home / "journal"), FAULTS["no space"])
    with served(tmp_path, disk, home, home / "journal", hold="progressive") as way:
        streams = [asyncio.create_task(streamed(way, LONG_STREAM)) for _ in range(count)]
        await asyncio.sleep(random.Random(shown.seed).uniform(0.2, 0.6))
        disk.breaks()
        said = await asyncio.gather(*streams)
        disk.mends()
        await until_ready(way)
        bill, known = await asyncio.to_thread(again, way)
    told = sum(b"journal" in one[-600:] and not one.endswith(WHOLE) for one in said)
    whole = sum(one.endswith(WHOLE) and b'"error"' not in one[-600:] for one in said)
    missing = sum(
        one["gateway_request_id"] not in known or spent([known[one["gateway_request_id"]]]) < billed([one])
        for one in bill
    )
    shown(
        "O4",
        how,
        f"{count} streams: {told} told why, {whole} whole; {missing} of {len(bill)} charges lost",
        target=target,
        met=told > 0 == missing and told + whole == count == len(bill),
        told=told,
        whole=whole,
        lost=missing,
        booked_usd=str(spent(known.values())),
        billed_usd=str(billed(bill)),
    )


def test_a_start_without_a_disk(tmp_path, shown):
    """It says why, and ends."""
    with small_disk(tmp_path / "disk", 1) as disk:
        if disk is None:
            shown.untried("O4", "a start on a full disk", target="a message", lacking="no disk can be mounted here")
        disk.breaks()
        with pytest.raises(AssertionError) as ended:
            harness.gateway(tmp_path / "gate", f"home: {disk.root}/home\n")
        said = str(ended.value)
    met = "No space left on device" in said and "Traceback" not in said
    shown("O4", "a start on a full disk", said.splitlines()[-1][:120], target="ends with the reason", met=met)
