"""A machine that is paid by the second, kept busy by real calls: what its entries sum up to, beside what it cost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from engine_bench import fleet, llama
from road import said, spent

PRICE_USD = 3600  # An hour: a dollar a second.
CALLERS, CALLS, TOKENS = 8, 6, 100
CONFIG = f"""
providers:
  local: {{kind: llamacpp, base_urls: ENGINES, gpu: {{type: cpu, price: {PRICE_USD}/h, prefill: 100/s, decode: 1/s}}}}
"""


@dataclass(frozen=True)
class Run:
    """What a run came to, in dollars. `paid`: for the time from the first call's leaving to the last one's end, as the
    callers saw it; `booked`: by the ledger's entries of these calls."""

    calls: int
    paid: Decimal
    booked: Decimal

    @property
    def error_pct(self) -> float:
        """By how much the entries miss what was paid, in per cent of it."""
        return float(abs(self.booked - self.paid) / self.paid * 100)


def run(folder: Path) -> Run:
    """Eight callers at once, half of whom stream, until each has had its answers."""
    with fleet(folder, llama, CONFIG, count=1) as running, running.client(timeout=120) as client:
        asked = {"model": "local/tiny", "max_tokens": TOKENS}
        client.chat.completions.create(**asked, messages=said("The first call opens what there is to open."))
        before = spent(running.entries())

        def call(caller: int) -> None:
            for number in range(CALLS):
                messages = said(f"Caller {caller} asks for the {number}th time. " * (1 + caller))
                if caller % 2:
                    client.chat.completions.create(**asked, messages=messages)
                else:
                    list(client.chat.completions.create(**asked, messages=messages, stream=True))

        with ThreadPoolExecutor(CALLERS) as pool:
            began = time.monotonic()
            list(pool.map(call, range(CALLERS)))
            took = time.monotonic() - began
        booked = spent(running.entries()) - before
    return Run(CALLERS * CALLS, Decimal(took) * PRICE_USD / 3600, booked)
