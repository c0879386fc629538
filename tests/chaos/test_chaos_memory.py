"""O5: a thousand streams at once through a gateway that has little memory."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import harness
from crowd import chat
from memory_group import memory_group
from resident import resident
from road import Road, assert_in_order, billed, spent

MIB = 1 << 20

CEILING_MIB, TARGET_MIB = 300, 150
SECONDS, SHORT_SECONDS, CHUNKS_A_SECOND = 40, 20, 10
AT_ONCE = 100  # Begun together: the provider's queue of new connections is what it is.
CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
limits:
  - {node: all, amount: 1000 usd, window: lifetime}
  - {node: "key:*", amount: 100000000 tokens, window: day}
"""
READY = r"Fareway is at (http://\S+)"


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Stream:
    """One caller, who counts chunks and keeps none of them."""

    def __init__(self, url, key, seconds):
        where = urlsplit(url)
        body = json.dumps(chat(f"[[sim: tokens={seconds * CHUNKS_A_SECOND} tps={CHUNKS_A_SECOND}]]", stream=True))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {key}\r\n"
        self.where = where.hostname, where.port
        self.asked = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        self.chunks, self.first, self.last = 0, b"", b""

    async def run(self):
        reader, writer = await asyncio.open_connection(*self.where, limit=4096)
        writer.write(self.asked)
        while some := await reader.read(4096):
            self.chunks += some.count(b"data: {")
            self.first = self.first or some
            self.last = (self.last + some)[-30:]
        writer.close()

    @property
    def whole(self):
        return b"data: [DONE]" in self.last


async def measured(way, count, seconds):
    """Run so many streams. What they got, and what the gateway needed for it."""
    pid, streams = way.gate.process.pid, [Stream(way.url, way.first, seconds) for _ in range(count)]
    warm = [Stream(way.url, way.first, seconds) for _ in range(2)]
    for stream in warm:
        stream.asked = stream.asked.replace(b"tps=10", b"tps=00")
        await stream.run()
    before, cpu, begun = resident(pid) / MIB, cpu_s(pid), time.monotonic()
    running = []
    for at in range(0, count, AT_ONCE):
        running += [asyncio.create_task(stream.run()) for stream in streams[at : at + AT_ONCE]]
        async with asyncio.timeout(60):
            while not all(stream.first for stream in streams[at : at + AT_ONCE]):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
    together = sum(not task.done() for task in running)
    await asyncio.gather(*running)
    print(Counter(stream.first[:400] + stream.last for stream in streams if not stream.whole).most_common(3))
    took, used = time.monotonic() - begun, cpu_s(pid) - cpu
    return {
        "together": together,
        "whole": sum(stream.whole for stream in streams),
        "chunks_a_second": round(sum(stream.chunks for stream in streams) / took),
        "before_mib": round(before, 1),
        "peak_mib": round(resident(pid, "VmHWM") / MIB, 1),
        "kib_a_stream": round((resident(pid, "VmHWM") / MIB - before) * 1024 / count, 1),
        "cores": round(used / took, 2),
    }


async def test_streams_in_little_memory(tmp_path, shown):
    count, seconds = (1000, SECONDS) if shown.full else (100, SHORT_SECONDS)
    with memory_group(CEILING_MIB << 20) as group:
        sim = harness.simulator(tmp_path / "sim")
        home = tmp_path / "gate"
        home.mkdir()
        (home / "fareway.yaml").write_text(CONFIG.replace("SIM_URL", sim.url))
        command = (*(group.command if group else ()), sys.executable, "-m", "gateway")
        arguments = ["serve", "--port", "0", "--config", str(home / "fareway.yaml")]
        gate = harness.Process(arguments, home, READY, command=command).start()
        way = Road(sim, gate, *gate.tokens)
        try:
            found = await measured(way, count, seconds)
            kills = group.kills if group else 0
            lines, bill = await asyncio.to_thread(way.entries), way.bill()
        finally:
            gate.stop()
            sim.stop()
    assert_in_order(gate.stderr)
    within = f"{group.kind} of {CEILING_MIB} MiB" if group else "no cgroup here: RSS alone"
    shown(
        "O5",
        f"{count} streams × {CHUNKS_A_SECOND} chunks/s, {within}",
        f"{found['peak_mib']:.0f} MiB at most ({found['before_mib']:.0f} before), {found['kib_a_stream']} KiB a stream "
        f"({found['together']} at once, {found['whole']} whole), {found['cores']} cores, "
        f"{found['chunks_a_second']} chunks/s, {kills} OOM kills",
        target=f"{TARGET_MIB} MiB at most, 0 OOM kills",
        met=found["peak_mib"] <= TARGET_MIB
        and not kills
        and found["whole"] == found["together"] == count
        and spent(lines) == billed(bill),
        kills=kills,
        **found,
    )
