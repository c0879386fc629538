"""O1: the configuration changes again and again under load, and every third time it is broken."""

import asyncio
import os
import re
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
from crowd import chat
from resident import resident
from road import billed, road, spent

MIB = 1 << 20

CALLERS = 16
RATE_MAX = 500  # Calls a second; or SHARE of what this machine carries now, where that is less.
SHARE = 0.6
WARM_S, MEASURED_S = 2.0, 3.0
BETWEEN_S_MAX = 0.1  # Two changes; by chance.
PATIENCE_S = 60
GROWTH_MAX = 1.10  # Of the memory, from the first tenth of the reloads to the last.
SAID = re.compile(rb"^.* (INFO|ERROR) fareway\.config: (.*)$", re.MULTILINE)

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  twin: {base_url: SIM_URL/v1, prices: sim, key: SECRET}
limits:
  - {node: all, amount: 100000 usd, window: month}
  - {node: "team:*", amount: LEFT usd, window: day}
models:
  relay: {deployments: [WHO/sim-small]}
timeouts: {total: LEFTs}
prices: {guard: 5x, overrides: [{model: own, input: LEFT/M, output: 1/M}]}
"""
BROKEN = (
    lambda text: text[: len(text) // 2] + "{",
    lambda text: text.replace("WHO", "nobody"),
    lambda text: text.replace("models:", "modles:"),
    lambda text: text.replace("window: month", "window: fortnight"),
    lambda text: text + "routing: {policy: policies.nowhere}\n",
    lambda text: text + "server: {drain: 1s}\n",
    lambda _: "",
)


@dataclass
class Load:
    """Callers on kept connections, at a steady rate. Who answers tells which configuration was in use."""

    url: str
    token: str
    statuses: Counter = field(default_factory=Counter)
    answered: list = field(default_factory=list)  # When each began and ended, and who answered.
    going: bool = True

    async def run(self, rate):
        """Until it is not `going`. Without a rate, as fast as can be."""
        connector = aiohttp.TCPConnector(limit=CALLERS)
        patience = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(connector=connector, timeout=patience) as session:
            await asyncio.gather(*(self._caller(session, rate, number) for number in range(CALLERS)))

    async def _caller(self, session, rate, number):
        headers, body = {"Authorization": f"Bearer {self.token}"}, chat(model="relay", max_tokens=5)
        pause_s = CALLERS / rate if rate else 0
        due = time.monotonic() + pause_s * number / CALLERS
        while self.going:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            due = max(due + pause_s, began)  # What was late is not made up for.
            try:
                async with session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers) as answer:
                    self.statuses[answer.status] += 1
                    await answer.read()
                    self.answered.append((began, time.monotonic(), answer.headers.get("x-fareway-provider")))
            except aiohttp.ClientError as error:
                self.statuses[type(error).__name__] += 1


@dataclass
class Changes:
    """The file changes, the gateway is told so, and its log says what came of it."""

    way: object
    text: str
    dice: object
    took_s: list = field(default_factory=list)
    periods: list = field(default_factory=list)  # Until when it was surely in use, since when, and who answers then.
    wrong: list = field(default_factory=list)  # What the log said that it should not have.
    who: str = "sim"
    since: float = 0.0
    heard: int = 0

    async def run(self, count):
        self.since, self.heard = time.monotonic(), self._size()
        for number in range(count):
            broken = number % 3 == 2
            who = self.dice.choice(("sim", "twin"))
            left = str(self.dice.randrange(1000, 9000))
            text = self.text.replace("LEFT", left)
            text = self.dice.choice(BROKEN)(text) if broken else text
            (self.way.gate.home / "fareway.yaml").write_text(text.replace("WHO", who))
            await self._told(who, broken=broken)
            await asyncio.sleep(self.dice.uniform(0, BETWEEN_S_MAX))

    async def _told(self, who, *, broken):
        sent = time.monotonic()
        os.kill(self.way.gate.process.pid, signal.SIGHUP)
        said = await self._next()
        at = time.monotonic()
        self.took_s.append(at - sent)
        if len(said) != 1 or said[0][0] != (b"ERROR" if broken else b"INFO"):
            self.wrong.append(said)
        if not broken:
            self.periods.append((self.since, sent, self.who))
            self.who, self.since = who, at

    async def _next(self):
        """What it says of the next reload."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            await asyncio.sleep(0.002)
            with self.way.gate.log.open("rb") as log:
                log.seek(self.heard)
                fresh = log.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            if said := SAID.findall(whole):
                self.heard += len(whole)
                return said
        return []

    def _size(self):
        return self.way.gate.log.stat().st_size

    def astray(self, answered):
        """Calls that another configuration answered than the one that was in use from their beginning to their end."""
        periods, found = iter([*self.periods, (self.since, float("inf"), self.who)]), 0
        since, until, who = next(periods)
        for began, ended, by in sorted(answered):
            while began > until:
                since, until, who = next(periods)
            found += since <= began and ended <= until and by != who
        return found


async def carried(way):
    """Calls a second that this machine carries now, with whatever else it does."""
    load = Load(way.url, way.first)
    running = asyncio.create_task(load.run(None))
    await asyncio.sleep(WARM_S)
    before = load.statuses[200]
    await asyncio.sleep(MEASURED_S)
    rate = (load.statuses[200] - before) / MEASURED_S
    load.going = False
    await running
    assert set(load.statuses) == {200}
    return rate


async def reloaded(way, changes, count):
    """The load, its rate, and the memory after a tenth of so many changes and in the end."""
    rate = min(RATE_MAX, SHARE * await carried(way))
    load, pid = Load(way.url, way.first), way.gate.process.pid
    running = asyncio.create_task(load.run(rate))
    await changes.run(count // 10)
    memory = [resident(pid) / MIB]
    await changes.run(count - count // 10)
    memory.append(resident(pid) / MIB)
    load.going = False
    await running
    return load, rate, memory


def test_every_call_is_answered_by_one_whole_configuration(tmp_path, shown, dice, full):
    count = 1000 if full else 100
    begin = CONFIG.replace("LEFT", "5000").replace("WHO", "sim")
    with road(tmp_path, begin) as way:
        secret = tmp_path / "secret"
        text = CONFIG.replace("SIM_URL", way.sim.url).replace("SECRET", f'"${{file:{secret}}}"')
        changes = Changes(way, text, dice)
        load, rate, memory = asyncio.run(reloaded(way, changes, count))
        entries, bill, drift = way.entries(), way.bill(), way.metric("fareway_drift_units")
        results = {
            result: int(way.metric("fareway_config_reloads_total", result=result))
            for result in ("taken", "invalid", "needs_restart")
        }
    failed = sum(load.statuses.values()) - load.statuses[200]
    astray = changes.astray(load.answered)
    refused = results["invalid"] + results["needs_restart"]
    agree = spent(entries) == billed(bill) and not drift
    growth = memory[1] / memory[0]
    median, p99 = statistics.median(changes.took_s), statistics.quantiles(changes.took_s, n=100)[98]
    shown(
        "O1",
        f"SIGHUP {count} times under load, every third file broken",
        f"{failed} of {sum(load.statuses.values())} calls failed at {rate:.0f}/s, {astray} by another configuration; "
        f"{refused} broken files: {refused - len(changes.wrong)} error lines; reload p50 {median * 1e3:.0f} ms, "
        f"p99 {p99 * 1e3:.0f} ms; memory {memory[0]:.0f} to {memory[1]:.0f} MB",
        target="0 failed, the old one stays, one error line each, no growth, books equal",
        met=failed == astray == 0
        and not changes.wrong
        and (results["taken"], refused) == (count - count // 3, count // 3)
        and agree
        and growth < GROWTH_MAX,
        rate=rate,
        calls=sum(load.statuses.values()),
        results=results,
        p50_s=median,
        p99_s=p99,
        growth=growth,
        books_agree=agree,
    )
