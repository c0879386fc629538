"""A machine that is paid by the second, kept busy by real calls: what its entries sum up to, beside what it cost."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from engine_bench import PATIENCE_S, Fleet, fleet, llama
from road import said, spent

PRICE_USD = 3600  # An hour: a dollar a second.
CALLERS, CALLS, TOKENS = 8, 6, 100
CONFIG = f"""
providers:
  local: {{kind: llamacpp, base_urls: ENGINES, gpu: {{type: own, price: {PRICE_USD}/h, prefill: 100/s, decode: 1/s}}}}
"""
Span = tuple[float, float]


@dataclass(frozen=True)
class Run:
    """What a run came to, in dollars. `paid`: for the time with a call under way, as the callers saw it; `booked`: by
    the ledger's entries of these calls."""

    calls: int
    paid: Decimal
    booked: Decimal

    @property
    def error_pct(self) -> float:
        """By how much the entries miss what was paid, in per cent of it."""
        return float(abs(self.booked - self.paid) / self.paid * 100)


def run(folder: Path) -> Run:
    """Eight callers at once, half of whom stream, until each has had its answers."""
    with fleet(folder, llama, CONFIG, count=1) as running:
        _ask(running, "The first call opens what there is to open.", stream=False)
        before = spent(running.entries())

        def call(caller: int) -> list[Span]:
            prompt = f"Caller {caller} asks for the same once more. " * (1 + caller)
            return [_ask(running, f"{number} {prompt}", stream=caller % 2 == 0) for number in range(CALLS)]

        with ThreadPoolExecutor(CALLERS) as pool:
            spans = [span for each in pool.map(call, range(CALLERS)) for span in each]
        booked = spent(running.entries()) - before
    return Run(len(spans), Decimal(covered(spans)) * PRICE_USD / 3600, booked)


def covered(spans: Iterable[Span]) -> float:
    """How much time is in any of them."""
    total, reached = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


def _ask(running: Fleet, prompt: str, *, stream: bool) -> Span:
    """One call: when it was written, and when the last of its answer had come, in seconds."""
    body = {"model": "local/tiny", "max_tokens": TOKENS, "messages": said(prompt), "stream": stream}
    gate = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=PATIENCE_S)
    gate.connect()
    began = time.monotonic()
    gate.request("POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {running.first}"})
    answer = gate.getresponse()
    told = answer.read()
    ended = time.monotonic()
    gate.close()
    assert answer.status == 200, told
    return began, ended
