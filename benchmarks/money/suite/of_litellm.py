"""LiteLLM's proxy with a Redis, in an environment of its own.

Its virtual keys and their budgets need PostgreSQL and an engine that is downloaded at the first start. So what is run
is its router's budget for a provider, which needs neither. It keeps no ledger without PostgreSQL.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapter import Line, Terms
from servers import Redis, Server, free_port, listens

FOLDER = Path(__file__).parents[3] / "build" / "peers" / "litellm"
START_S_MAX = 120
SYNC_S = 1.5
"""It writes what was spent to Redis every second."""

CONFIG = """
model_list:
  - model_name: gpt-4o-mini
    litellm_params: {model: openai/gpt-4o-mini, api_base: "@PROVIDER@", api_key: sk-x}
router_settings:
  redis_host: 127.0.0.1
  redis_port: @REDIS@
  num_retries: 0
  provider_budget_config: {openai: {budget_limit: @USD@, time_period: 1d}}
general_settings: {disable_spend_logs: true, dangerously_permit_weak_or_unset_master_key: true}
litellm_settings: {num_retries: 0, telemetry: false}
"""
ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}


class LiteLLM:
    """See `adapter.Gateway`."""

    def __init__(self, folder: Path, provider_url: str, terms: Terms) -> None:
        self.redis = Redis(folder / "redis")
        values = {
            "@PROVIDER@": provider_url,
            "@REDIS@": str(self.redis.port),
            "@USD@": f"{terms.budget_picos / 10**12:.9f}",
        }
        config = re.sub("@[A-Z]+@", lambda mark: values[mark[0]], CONFIG)
        self._servers = [self._server(folder / f"proxy-{n}", config) for n in range(terms.replicas)]
        self.urls = [f"http://127.0.0.1:{port}" for _, port in self._servers]
        self.headers: Mapping[str, Mapping[str, str]] = {t: {"Authorization": "Bearer sk-x"} for t in terms.tenants}

    @staticmethod
    def _server(home: Path, config: str) -> tuple[Server, int]:
        home.mkdir(parents=True)
        (home / "lite.yaml").write_text(config)
        port = free_port()
        command = [str(FOLDER / "bin" / "litellm"), "--config", "lite.yaml", "--port", str(port)]
        command += ["--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False"]
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | ENV | {"HOME": str(home)}
        return Server(command, home, env, lambda: listens(port)), port

    def start(self) -> None:
        self.redis.start()
        for server, _ in self._servers:
            server.launch()
        for server, _ in self._servers:
            server.wait(START_S_MAX)

    def kill(self, replica: int) -> None:
        self._servers[replica][0].kill()

    def restart(self, replica: int) -> None:
        self._servers[replica][0].start(START_S_MAX)

    def restore_keys(self) -> None:
        """It has none."""

    def rest(self) -> None:
        time.sleep(2 * SYNC_S)

    def ledger(self) -> list[Line] | None:
        return None

    def accounts_picos(self) -> int | None:
        said = self.redis.say("GET", "provider_spend:openai:1d").split(b"\r\n")
        return round(float(said[1]) * 10**12) if len(said) > 2 else None

    def stop(self) -> None:
        for server, _ in self._servers:
            server.stop()
        with suppress(OSError):
            self.redis.stop()


ONE_BUDGET = "its router has one budget for a provider: tenants' own need PostgreSQL"
NO_LEDGER = "it keeps no ledger without PostgreSQL, and the router's budget has nothing to replay"


class OfLiteLLM:
    """See `adapter.Kind`."""

    name = "litellm"
    note = "its router's budget for a provider, in Redis, without retries: virtual keys need PostgreSQL"
    cannot: Mapping[str, str] = {
        "strict-8": "eight of its processes do not fit on two cores",
        **{f"trace-x{speed}-{n}": ONE_BUDGET for speed in (10, 50) for n in (1, 4, 8)},
        "crash": NO_LEDGER,
        "redis-killed": NO_LEDGER,
        "redis-frozen": NO_LEDGER,
        "redis-flushed": NO_LEDGER,
        "rollover": "its windows begin with the first call, not with the clock",
        "store-calls": "it asks its store in the background only, for what it may overspend",
    }

    def make(self, folder: Path, provider_url: str, terms: Terms) -> LiteLLM:
        install()
        return LiteLLM(folder, provider_url, terms)


def install() -> None:
    """Raises OSError or subprocess.SubprocessError."""
    if (FOLDER / "installed").exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    pip = [str(FOLDER / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "litellm[proxy]"]
    subprocess.run(pip, check=True, timeout=900)
    (FOLDER / "installed").touch()
