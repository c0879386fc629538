"""`fareway sim`: the simulated provider, or a simulated inference engine, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from gateway.cli.running import port, run, say, until_told
from gateway.cli.settings import Unusable
from gateway.simulator import (
    EngineServerSettings,
    EngineSettings,
    Running,
    Settings,
    start,
    start_engine,
)


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    del common
    sim = commands.add_parser("sim", help="run the simulated provider, or a simulated engine, by itself")
    sim.add_argument("--host", default="127.0.0.1")
    sim.add_argument("--port", type=port, default=4100)
    sim.add_argument("--output-tokens", type=int, default=60, help="mean length of an answer (default 60)")
    sim.add_argument("--seed", type=int, default=0)
    sim.add_argument("--engine", choices=("vllm",), help="an inference engine rather than a provider")
    _add_provider(sim.add_argument_group("a provider"))
    _add_engine(sim.add_argument_group("an engine"))
    sim.set_defaults(run=_sim)


def _add_provider(group: Any) -> None:
    group.add_argument("--bill", type=Path, metavar="FILE", help="append what each call costs to this file")
    group.add_argument("--recorded", type=Path, metavar="DIR", help="recorded answers to replay under /recorded/<file>")
    group.add_argument("--tokens-per-second", type=float, default=80, help="0 for as fast as possible (default 80)")
    group.add_argument("--first-token-ms", type=float, default=200)
    group.add_argument("--jitter", type=float, default=0.1, help="share by which each interval varies (default 0.1)")
    group.add_argument("--fail-rate", type=float, default=0.0, help="share of calls that fail with 503")


def _add_engine(group: Any) -> None:
    default = EngineSettings()
    group.add_argument("--model", default="sim-8b", help="the model that it serves (default sim-8b)")
    group.add_argument("--speed", type=float, default=1.0, help="so many times as fast as one H100 (default 1)")
    for name, meaning in {
        "max_num_seqs": "sequences that run at a time",
        "max_num_batched_tokens": "tokens that a step computes at most",
        "max_model_len": "tokens of a sequence at most",
        "num_gpu_blocks": "blocks of 16 tokens in its KV cache",
    }.items():
        value = getattr(default, name)
        said = f"{meaning} (default {value})"
        group.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N", default=value, help=said)
    group.add_argument(
        "--no-enable-prefix-caching", dest="enable_prefix_caching", action="store_false", help="it remembers no prompt"
    )


def _sim(parsed: argparse.Namespace) -> int:
    try:
        return _engine(parsed) if parsed.engine else _provider(parsed)
    except ValueError as error:
        raise Unusable(str(error)) from None


def _provider(parsed: argparse.Namespace) -> int:
    names = ("bill", "recorded", "tokens_per_second", "first_token_ms", "output_tokens", "jitter", "seed", "fail_rate")
    chosen = Settings(**{name: getattr(parsed, name) for name in names})
    said = "The simulated provider is at {url}/v1; any bearer token will do."
    return _run(lambda: start(chosen, parsed.host, parsed.port), said)


def _engine(parsed: argparse.Namespace) -> int:
    names = ("max_num_seqs", "max_num_batched_tokens", "max_model_len", "num_gpu_blocks", "enable_prefix_caching")
    engine = EngineSettings(**{name: getattr(parsed, name) for name in names})
    chosen = EngineServerSettings(
        parsed.model, engine, speed=parsed.speed, seed=parsed.seed, output_tokens=parsed.output_tokens
    )
    said = "The simulated vLLM is at {url}/v1; it needs no key."
    return _run(lambda: start_engine(chosen, parsed.host, parsed.port), said)


def _run(begin: Callable[[], Awaitable[Running]], said: str) -> int:
    async def work(stop: asyncio.Event) -> int:
        running = await begin()
        say(said.format(url=running.url))
        await stop.wait()
        await running.stop()
        return 0

    return run(lambda: until_told(work))
