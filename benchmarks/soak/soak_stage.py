"""Two gateways on one Redis, a provider, and what stands between them to be broken: all real processes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import harness
from chaos_proxy import ChaosProxy
from road import Road, assert_in_order
from soak_feed import PriceFeed
from stores.redis_server import RedisServer

from gateway.stores.redis_leases import ROOT

PEPPER = "a-pepper-that-both-have"
DISK_BYTES = 1 << 28
"""Of the small disk below the first gateway's journal."""

LIBRARIES = [Path(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1") for machine in ("x86_64", "aarch64")]

CONFIG = """
state: REDIS_URL
pepper: "${file:PEPPER_FILE}"
server: {ready_grace: 1s, body_timeout: 5s, header_timeout: 5s}
providers:
  sim: {base_url: SIM_URL/v1}
timeouts: {connect: 5s, first_byte: 4s, idle: 4s, total: 20s}
routing: {breaker: {failures: 12, open: 1s}}
cache: {exact: {ttl: 1m, max: 4MiB, store: memory}}
prices: {feed: FEED_URL, every: 2s}
limits:
  - {node: all, amount: 100000 usd, window: lifetime}
  - {node: all, amount: 100000 concurrent}
  - {node: "key:*", amount: 900 usd, window: month}
  - {node: "key:*", amount: 100000000 tokens, window: minute}
"""


@dataclass
class Stage:
    """`gates`: the first lives from beginning to end; the second dies now and then, and comes back."""

    folder: Path
    redis: RedisServer
    to_store: ChaosProxy
    to_provider: ChaosProxy
    feed: PriceFeed
    gates: list[Road]
    config: str
    open: set[int] = field(default_factory=lambda: {0, 1})  # Which gateways callers may go to now.
    died: int = 0  # How often one was killed.
    ended: list[str] = field(default_factory=list)  # What those said that have ended.

    @property
    def clock_file(self) -> Path:
        """How far off the first gateway's clock is."""
        return self.folder / "clock"

    @property
    def small_disk(self) -> Path:
        """Where the first gateway's journal is."""
        return self.folder / "gate-0" / "journal"

    def where(self, dice: random.Random) -> str:
        """A gateway that a balancer would choose."""
        return self.gates[dice.choice(sorted(self.open))].url

    def restart(self, number: int) -> None:
        """A gateway that has ended begins again in its home, on another port."""
        old = self.gates[number]
        self.ended.append(old.gate.stderr)
        self.gates[number].gate = harness.gateway(old.gate.home, self.config, env=_env(self.folder, number))
        self.open.add(number)

    def reconfigure(self, config: str) -> None:
        """Both gateways are told to read this."""
        for gate in self.gates:
            (gate.gate.home / "fareway.yaml").write_text(config)
            gate.gate.process.send_signal(signal.SIGHUP)

    def said(self) -> str:
        """All that any gateway has said."""
        return "".join([*self.ended, *(gate.gate.stderr for gate in self.gates)])

    def stored(self, account: str) -> int:
        """What the store says that both gateways have spent on an account."""
        said = self.redis.say("HGET", f"{ROOT}:record:{account}", "spent")
        return int(said.split(b"\r\n")[1]) if said[:1] == b"$" and said[1:2] != b"-" else 0

    @property
    def fakes_clocks(self) -> bool:
        """Whether the first gateway's clock can be set."""
        return _library() is not None

    @property
    def fills_disks(self) -> bool:
        """Whether the first gateway's journal is on a disk of its own."""
        return self.small_disk.is_mount()


@contextmanager
def stage(folder: Path, limits: str, *options: str) -> Iterator[Stage]:
    """For as long as the block runs. `limits`: more of them, as in the configuration. `options` are the simulator's.
    Raises AssertionError if a gateway logs a bug or does not end in order."""
    (folder / "clock").write_text("+0\n")
    (folder / "pepper").write_text(PEPPER)
    with ExitStack() as stack:
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.kill)
        sim = harness.simulator(folder / "sim", *options)
        stack.callback(sim.stop)
        to_store = stack.enter_context(ChaosProxy(redis.port))
        to_provider = stack.enter_context(ChaosProxy(int(sim.url.rpartition(":")[2])))
        feed = stack.enter_context(PriceFeed())
        stack.enter_context(_small_disk(folder / "gate-0" / "journal"))
        store = f"redis://127.0.0.1:{to_store.port}?socket_timeout=2&socket_connect_timeout=2"
        config = CONFIG.replace("REDIS_URL", store).replace("FEED_URL", feed.url) + limits
        config = config.replace("PEPPER_FILE", str(folder / "pepper"))
        config = config.replace("SIM_URL", f"http://127.0.0.1:{to_provider.port}")
        gates: list[Road] = []
        for number in range(2):
            gate = harness.gateway(folder / f"gate-{number}", config, env=_env(folder, number))
            tokens = [gates[0].admin, gates[0].first] if gates else gate.tokens
            gates.append(Road(sim, gate, *tokens))
        made = Stage(folder, redis, to_store, to_provider, feed, gates, config)
        try:
            yield made
        finally:
            statuses = [gate.gate.stop() for gate in made.gates]
        assert statuses == [0, 0], made.said()
        assert_in_order(made.said())


@contextmanager
def _small_disk(place: Path) -> Iterator[None]:
    """Of memory, if this machine lets us; else no disk is ever filled."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(place)]
    mounted = shutil.which("mount") and not subprocess.run(command, check=False, capture_output=True).returncode
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)


def _library() -> Path | None:
    return next((path for path in LIBRARIES if path.exists()), None)


def _env(folder: Path, number: int) -> dict[str, str]:
    """The first gateway's clock is as far off as a file says, which it reads once a second."""
    env: dict[str, str] = {}
    if number == 0 and (library := _library()):
        env |= {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # Else whatever waits with a timeout spins.
        }
    return env
