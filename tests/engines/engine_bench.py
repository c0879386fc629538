"""Engines and a gateway in front of them, all real processes on loopback, and the books of each."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import harness
from road import PATIENCE_S, Road, assert_in_order, metric

ENGINE = harness.ROOT / "build" / "engine"
HERE = Path(__file__).parent


def llama(home: Path) -> harness.Process:
    """A running llama.cpp with a tiny model, `tiny`."""
    arguments = [str(HERE / "llama_server.py"), str(ENGINE / "tiny.gguf")]
    command = (str(ENGINE / "bin" / "python"),)
    return harness.Process(arguments, home, r"The engine is at (http://\S+)", command=command).start()


def vllm(home: Path, *options: str) -> harness.Process:
    """A running simulated vLLM, with `sim-8b`."""
    arguments = ["sim", "--engine", "vllm", "--port", "0", *options]
    return harness.Process(arguments, home, r"simulated vLLM is at (http://[^/]+)/v1").start()


@dataclass
class Fleet(Road):
    """A gateway and the engines behind its provider `local`."""

    engines: tuple[harness.Process, ...] = ()

    @property
    def counted(self) -> list[dict[str, int]]:
        """What each engine says that it has read, found in its cache and written: tokens."""
        return [_counted(read(f"{engine.url}/metrics")) for engine in self.engines]

    def booked(self, engine: harness.Process) -> dict[str, int]:
        """The same by the ledger."""
        usages = [line["entry"]["usage"] for line in self.entries() if line["entry"].get("backend") in engine.url]
        names = {"read": "input", "found": "cache_read", "written": "output"}
        return {name: sum(usage.get(counter, 0) for usage in usages) for name, counter in names.items()}


@contextmanager
def fleet(folder: Path, engine: Callable[[Path], harness.Process], config: str, count: int = 2) -> Iterator[Fleet]:
    """`count` engines and a gateway, for as long as the block runs. ENGINES in the configuration is their list."""
    with ExitStack() as stack:
        engines = []
        for number in range(count):
            engines.append(engine(folder / f"engine-{number}"))
            stack.callback(engines[-1].stop)
        urls = ", ".join(f'"{engine.url}/v1"' for engine in engines)
        gate = harness.gateway(folder / "gate", config.replace("ENGINES", f"[{urls}]"))
        try:
            yield Fleet(engines[0], gate, *gate.tokens, tuple(engines))
        finally:
            status = gate.stop()
        assert status == 0, gate.stderr
        assert_in_order(gate.stderr)


def read(url: str) -> str:
    """A page."""
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def _counted(page: str) -> dict[str, int]:
    if "llamacpp:" in page:
        names = ("prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total")
        given, found, written = (int(metric(page, f"llamacpp:{name}")) for name in names)
        return {"read": given, "found": found, "written": written}
    names = ("prompt_tokens_total", "prompt_tokens_cached_total", "generation_tokens_total")
    given, found, written = (int(metric(page, f"vllm:{name}", engine="0", model_name="sim-8b")) for name in names)
    return {"read": given - found, "found": found, "written": written}
