"""A gateway on its way to a simulated provider, both real processes on loopback, and the books of both."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import harness
from openai import AsyncOpenAI, OpenAI

PICOS = Decimal(10) ** 12
NANOS = Decimal(10) ** 9
MILLION = 1_000_000
PATIENCE_S = 20  # For what happens soon and by itself. Nothing is asserted about how soon.

RATES = {  # Dollars per million tokens: uncached input, cached input, output. The simulator's own list.
    "sim-large": (Decimal("2.50"), Decimal("1.25"), Decimal("10.00")),
    "sim-medium": (Decimal("0.50"), Decimal("0.125"), Decimal("2.00")),
    "sim-small": (Decimal("0.10"), Decimal("0.025"), Decimal("0.40")),
    "sim-embed": (Decimal("0.02"), Decimal("0.02"), Decimal(0)),
}
PROVIDER_KEY = "key-of-the-provider"
PROVIDERS = "providers:\n  sim: {base_url: SIM_URL/v1}\n"


@dataclass
class Road:
    """Both processes. In the configuration, SIM_URL is the simulator's address and SECRET a reference to a key."""

    sim: harness.Process
    gate: harness.Process
    admin: str  # The admin's key.
    first: str  # The key for calls that is made on the first start.

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.gate.url

    def key(self, *options: str) -> str:
        """A new key, made by the command line beside the running gateway."""
        return harness.make_key(self.gate.home, *options)

    def client(self, key: str | None = None, **options) -> OpenAI:
        """The official client. It does not retry unless told to. Close it."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.first, **({"max_retries": 0} | options))

    def aclient(self, key: str | None = None, **options) -> AsyncOpenAI:
        """The same, for many calls at once."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key or self.first, **({"max_retries": 0} | options))

    def command(self, *arguments: str, status: int = 0, text: str | None = None, output: bool = False) -> str:
        """What a command prints, run in the gateway's home beside its configuration; where it fails what it complains
        of, unless its `output` is wanted."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            env=os.environ | {"FAREWAY_HOME": str(self.gate.home), "PYTHONPATH": str(harness.ROOT)},
            cwd=self.gate.home,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 or output else done.stderr

    def metric(self, name: str, **labels: str) -> float:
        """One figure of /metrics; 0 where it was never counted."""
        return metric(self.metrics(), name, **labels)

    def metrics(self) -> str:
        """All of /metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def rest(self) -> None:
        """Wait until no call is under way and the ledger has all that is settled."""

        def quiet() -> bool:
            text = self.metrics()
            return metric(text, "fareway_inflight_requests") == 0 == metric(text, "fareway_journal_entries")

        eventually(quiet)

    def entries(self) -> list[dict]:
        """The ledger, line by line, once all is settled: the columns, and the whole entry under `entry`."""
        self.rest()
        return entries(self.gate.home)

    def entries_of(self, request_id: str) -> list[dict]:
        """The lines of one request."""
        return [line for line in self.entries() if line["request_id"] == request_id]

    def balances(self) -> dict[str, int]:
        """What each account has spent, by the ledger: nano-dollars, tokens or requests."""
        self.rest()
        with closing(_read(self.gate.home)) as database:
            return dict(database.execute("SELECT account, sum(spent) FROM balances GROUP BY account"))

    def bill(self) -> list[dict]:
        """The simulator's own bill."""
        return harness.bill(self.sim.home)

    def document(self, request_id: str, key: str | None = None) -> dict:
        """GET /v1/requests/{id}, once it is settled."""
        return harness.get(f"{self.url}/v1/requests/{request_id}", key or self.admin)


@contextmanager
def road(folder: Path, config: str = PROVIDERS, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Road]:
    """Both processes, for as long as the block runs. `options` are the simulator's."""
    sim = harness.simulator(folder / "sim", *options)
    secret = folder / "secret"
    secret.write_text(PROVIDER_KEY)
    config = config.replace("SIM_URL", sim.url).replace("SECRET", f'"${{file:{secret}}}"')
    try:
        gate = harness.gateway(folder / "gate", config, env=dict(env or {}))
        try:
            yield Road(sim, gate, *gate.tokens)
        finally:
            status = gate.stop()
        assert status == 0, gate.stderr
        assert_in_order(gate.stderr)
    finally:
        sim.stop()


def assert_in_order(said: str) -> None:
    """A gateway that has met a bug, or whose books disagree, says so in its log."""
    for trouble in ("Traceback", "unhandled", "disagree", "background task died"):
        assert trouble not in said, said


def entries(home: Path) -> list[dict]:
    """All lines of a ledger."""
    with closing(_read(home)) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM entries ORDER BY at, id")]
    return [
        row | {"entry": harness.ledger_line(row["entry"]), "charges": dict(json.loads(row["charges"]))} for row in rows
    ]


def metric(text: str, name: str, **labels: str) -> float:
    """One figure in Prometheus' text; 0 where it was never counted."""
    for line in text.splitlines():
        found = re.fullmatch(re.escape(name) + r"(?:\{(.*)\})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return 0.0


def eventually(true, patience_s: float = PATIENCE_S) -> float:
    """Wait for it. Returns how long it took, for telling."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + patience_s, "it did not come true in time"
        time.sleep(0.02)
    return time.monotonic() - begun


def fare(model: str, usage) -> Decimal:
    """Usage, as the client library shows it, times the list price; in dollars."""
    given, cached, made = RATES[model]
    details = getattr(usage, "prompt_tokens_details", None)
    hits = (details.cached_tokens or 0) if details else 0
    out = getattr(usage, "completion_tokens", 0) or 0
    return ((usage.prompt_tokens - hits) * given + hits * cached + out * made) / MILLION


def spent(lines: list[dict]) -> Decimal:
    """What ledger lines cost together, in dollars."""
    return sum((Decimal(line["cost_picos"] or 0) for line in lines), Decimal(0)) / PICOS


def billed(lines: list[dict]) -> Decimal:
    """What lines of the simulator's bill cost together, in dollars."""
    return sum((Decimal(line["cost_usd"]) for line in lines), Decimal(0))


def said(text: str) -> list[dict[str, str]]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


def _read(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True, timeout=PATIENCE_S)
