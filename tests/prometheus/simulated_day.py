"""A day of calls through a real gateway on the simulator whose clock is moved, as the pages of /metrics that Prometheus
would have seen."""

from __future__ import annotations

import asyncio
import math
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from harness import make_key

from gateway.app.gateway import Gateway
from gateway.config.load import load
from gateway.simulator import EngineServerSettings, start_engine

DAY_S = 86_400
STEP_S = 300
LAST_S = 15  # Between pages of the last ten minutes, so that short windows have some at their end.
JOB = 'job="fareway",instance="gateway"'

CONFIG = """
server: {port: 0, admin_port: off}
providers:
  sim: {kind: sim}
  local: {kind: vllm, base_url: "ENGINE/v1", gpu: {type: h100, price: 2.47/h}}
  own: {kind: sim, selfhosted: true, prices: sim}
  shaky: {kind: sim, prices: sim}
  odd: {kind: sim, prices: nobody}
prices: {unknown: allow}
models:
  chat: {deployments: [sim/sim-small]}
  large: {deployments: [sim/sim-caching]}
  llama: {deployments: [local/sim-8b]}
  mine: {deployments: [own/sim-medium]}
  dark: {deployments: [odd/sim-small]}
  risky: {deployments: [shaky/sim-small, sim/sim-small]}
tiers: {premium: [large], standard: [mine], economy: [chat]}
routing: {retry: {rounds: 0}}
limits:
  - {node: "team:*", amount: 5 usd, window: day}
  - {node: all, amount: 90 usd, window: month}
  - {node: "team:frugal", amount: 3 requests, window: hour}
"""

TRAINING = """# TYPE ml_training_job_cost_dollars gauge
ml_training_job_cost_dollars{{{labels},job_type="finetune"}} {cost} {at}
# TYPE ml_training_gpu_hours counter
ml_training_gpu_hours_total{{{labels}}} {hours} {at}
# TYPE ml_training_mfu gauge
ml_training_mfu{{{labels}}} 0.41 {at}
"""


class Day:
    """A gateway whose clock stands at `now` while the day runs, and goes with the real one after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.end = time.time()
        self.now: float | None = self.end - DAY_S
        self.pages = folder / "day.openmetrics"

    def clock(self) -> float:
        """Unix seconds."""
        return time.time() if self.now is None else self.now

    @asynccontextmanager
    async def lived(self):
        """The gateway, once the day is over: its URL. It runs on."""
        config = self.folder / "fareway.yaml"
        self.folder.mkdir(parents=True, exist_ok=True)
        engine = await start_engine(EngineServerSettings(speed=100))
        config.write_text(CONFIG.replace("ENGINE", engine.url))
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        keys = {
            team: await asyncio.to_thread(make_key, home, team, "--team", team, "--cache", config=config)
            for team in ("research", "frugal")
        }
        settings = load(config, {"FAREWAY_HOME": str(home), "HOME": str(self.folder)})
        async with Gateway(settings, self.clock) as gateway, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{gateway.port}"
            with self.pages.open("w") as file:
                while self.now is not None:
                    await self._calls(session, url, keys)
                    page = await _page(session, url)
                    file.write(_stamped(page, self.now) + self._training(self.now))
                    step = STEP_S if self.end - self.now > 600 else LAST_S
                    self.now = None if self.now + step > self.end else self.now + step
                file.write("# EOF\n")
            yield url
        await engine.stop()

    async def _calls(self, session, url, keys) -> None:
        """More by day than by night. Some are asked twice, some fail first, and some name no model that there is."""
        hour = (self.clock() % DAY_S) / 3600
        number = round(self.clock())
        busy = 1 + round(2 * max(0.0, math.sin((hour - 6) / 24 * 2 * math.pi)))
        calls = [("research", "chat", f"question {number} {n}") for n in range(busy)]
        calls.append(("frugal", "mine", f"again {number // 600}"))
        calls.append(("research", "llama", "two words"))
        calls.append(("research", "large", "a long context " * 400 + str(number)))
        if number // STEP_S % 5 == 0:
            calls.append(("research", "risky", f"{number} [[sim: fail_first=1 tps=0 ttft=0]]"))
            calls.append(("research", "chat", f"{number} [[sim: fail=500]]"))
            calls.append(("research", "dark", f"{number}"))
            calls.append(("frugal", "nobody-has-this", "x"))
        for team, model, text in calls:
            await _call(session, url, keys[team], model, text if "sim:" in text else f"{text} [[sim: tps=0 ttft=0]]")

    def _training(self, now: float) -> str:
        hours = (now - self.end + DAY_S) / 3600
        labels = 'job="training",instance="trainer",model="mine",gpu_type="h100"'
        return TRAINING.format(labels=labels, cost=f"{hours * 19.2:.4f}", hours=f"{hours * 8:.4f}", at=f"{now:.3f}")


async def _call(session, url: str, key: str, model: str, text: str) -> None:
    body = {"model": model, "stream": True, "max_tokens": 40, "messages": [{"role": "user", "content": text}]}
    if model == "large":
        marked = {"type": "text", "text": "known " * 1500, "cache_control": {"type": "ephemeral"}}
        body["messages"].insert(0, {"role": "system", "content": [marked]})
    headers = {"Authorization": f"Bearer {key}"}
    async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
        await answer.read()


async def _page(session, url: str) -> str:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with session.get(f"{url}/metrics", headers=accept) as answer:
        return await answer.text()


SAMPLE = re.compile(r"^([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def _stamped(page: str, at: float) -> str:
    """With the labels that a scrape adds, and its moment."""

    def stamped(found: re.Match[str]) -> str:
        name, labels, figure = found.groups()
        return f"{name}{{{JOB}{',' + labels if labels else ''}}} {figure} {at:.3f}"

    assert page.endswith("# EOF\n")
    return SAMPLE.sub(stamped, page.removesuffix("# EOF\n"))
