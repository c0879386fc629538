"""Fareway: one process with SQLite, or several gateways with homes of their own that share a Redis."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.error import HTTPError

from adapter import Line, Terms
from calls import Call
from servers import NotReady, Redis, Server, free_port, listens

from gateway.core.caller import Caller, Key
from gateway.stores.registry import Kind, Registry, Write, encoded
from gateway.stores.sqlite_registry import SqliteRegistry
from gateway.tenants import new_key

ROOT = Path(__file__).parents[3]
PEPPER = "a-pepper-that-all-of-them-have"
REST_S_MAX = 30
STARTS_MAX = 5
PATIENCE = "?socket_timeout=2&socket_connect_timeout=2"
CONFIG = """
server: {port: @PORT@, drain: 2s, admin_port: off}
pepper: "${PEPPER}"
providers: {openai: {key: "${OPENAI_API_KEY}", base_url: "@PROVIDER@"}}
routing: {retry: {rounds: 0}}
limits:
  - {node: "team:*", amount: @USD@ usd, window: @WINDOW@, hold: @HOLD@}
  - {node: "team:poor", amount: 0.00002 usd, window: @WINDOW@}
"""
POOR = Call("poor", "poor", words=300, made=1, cap=1)
"""Refused after its tokens were counted. The first count of a process loads a vocabulary: about a second."""


class Fareway:
    """See `adapter.Gateway`."""

    def __init__(self, folder: Path, provider_url: str, terms: Terms) -> None:
        self._folder, self._terms = folder, terms
        self.redis = Redis(folder / "redis") if terms.replicas > 1 else None
        values = {
            "@PROVIDER@": provider_url,
            "@USD@": f"{terms.budget_picos / 10**12:.9f}",
            "@WINDOW@": terms.window,
            "@HOLD@": "strict" if terms.strict else "progressive",
        }
        self._config = re.sub("@(?!PORT)[A-Z]+@", lambda mark: values[mark[0]], CONFIG)
        if self.redis is not None:
            self._config += f"state: {self.redis.url}{PATIENCE if terms.patient else ''}\n"
        self._servers = [self._server(n) for n in range(terms.replicas)]
        self.urls = [f"http://127.0.0.1:{port}" for _, port in self._servers]
        made = [(tenant, *_key(tenant)) for tenant in (*terms.tenants, POOR.tenant)]
        self._made = [key for _, key, _ in made]
        self.headers: Mapping[str, Mapping[str, str]] = {
            tenant: {"Authorization": f"Bearer {token}"} for tenant, _, token in made
        }

    def _server(self, number: int) -> tuple[Server, int]:
        port, home = free_port(), self._home(number)
        home.mkdir(parents=True)
        config = home / "fareway.yaml"
        config.write_text(self._config.replace("@PORT@", str(port)))
        env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("FAREWAY_")}
        env |= {"FAREWAY_HOME": str(home), "PYTHONPATH": str(ROOT), "PEPPER": PEPPER, "OPENAI_API_KEY": "sk-x"}
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        return Server(command, home, env, lambda: listens(port)), port

    def _home(self, number: int) -> Path:
        return self._folder / f"home-{number}"

    def start(self) -> None:
        if self.redis is not None:
            self.redis.start()
        self.restore_keys()
        for server, _ in self._servers:
            server.launch()
        for server, _ in self._servers:
            _started(server)
        for url in self.urls:
            self._warm(url)

    def _warm(self, url: str) -> None:
        """One refusal, so that none later waits for the vocabulary."""
        call = urllib.request.Request(f"{url}/v1/chat/completions", POOR.encoded(), self.headers[POOR.tenant])
        try:
            urllib.request.urlopen(call, timeout=20).close()
        except HTTPError as error:
            if error.code != 429:
                raise

    def restore_keys(self) -> None:
        """As `fareway keys create --team` does, fifty at once. Those that are there stay."""
        with closing(self._registry()) as registry:
            there = registry.all(Kind.KEYS)
            lost = [Write(Kind.KEYS, key.id, None, encoded(key)) for key in self._made if key.id not in there]
            registry.write(lost, [])

    def _registry(self) -> Registry:
        if self.redis is None:
            return SqliteRegistry(self._home(0) / "state.db")
        from gateway.stores.redis_registry import RedisRegistry  # noqa: PLC0415 - an extra, and only here

        return RedisRegistry(self.redis.url)

    def kill(self, replica: int) -> None:
        self._servers[replica][0].kill()

    def restart(self, replica: int) -> None:
        self._servers[replica][0].launch()
        _started(self._servers[replica][0])

    def rest(self) -> None:
        until = time.monotonic() + REST_S_MAX
        waits = ("fareway_inflight_requests", "fareway_journal_entries")
        for url in self._running():
            while any(_figure(_metrics(url), name) for name in waits) and time.monotonic() < until:
                time.sleep(0.1)

    def _running(self) -> list[str]:
        return [url for url, (server, _) in zip(self.urls, self._servers, strict=True) if server.runs]

    def ledger(self) -> list[Line]:
        return [line for n in range(len(self.urls)) for line in _lines(self._home(n) / "ledger.db")]

    def accounts_picos(self) -> int:
        metrics = (_metrics(url) for url in self._running())
        return sum(round(_figure(text, "fareway_limit_spent")) for text in metrics) * 1000

    def stop(self) -> None:
        with suppress(FileNotFoundError):
            for server, _ in self._servers:
                server.stop()
        if self.redis is not None:
            self.redis.stop()


class OfFareway:
    """See `adapter.Kind`."""

    name = "fareway"
    note = "keys, budgets and ledger on; several replicas share a real Redis; no retries towards the provider"
    cannot: Mapping[str, str] = {}

    def make(self, folder: Path, provider_url: str, terms: Terms) -> Fareway:
        return Fareway(folder, provider_url, terms)


def _started(server: Server) -> None:
    """As a supervisor does that starts again what ended at once: as a gateway does whose store is slow just then."""
    for _ in range(STARTS_MAX - 1):
        with suppress(NotReady):
            return server.wait()
        server.launch()
    return server.wait()


def _key(tenant: str) -> tuple[Key, str]:
    return new_key(PEPPER.encode(), Key(id="", digest=b"", caller=Caller(team=tenant), created=time.time()))


def _lines(path: Path) -> list[Line]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
        query = "SELECT id, request_id, cost_picos, outcome, charges FROM entries"
        return [
            Line(name, request, picos or 0, outcome, _window(json.loads(charges)))
            for name, request, picos, outcome, charges in database.execute(query)
        ]


def _window(charges: list[tuple[str, int]]) -> str:
    return charges[0][0].rpartition("@")[2] if charges else ""


def _metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        return answer.read().decode()


def _figure(text: str, name: str) -> float:
    return sum(float(v) for v in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))
