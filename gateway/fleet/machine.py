"""A machine of ours: what it is, and what it costs whether it is used or not."""

from __future__ import annotations

from msgspec import Struct

from gateway.fleet.rate import Rate
from gateway.planning.gpus import Tier

PREFILL, DECODE = 2000, 20
"""Slower than any GPU of the last years with a model that fits it: what is held for a call is rather too much."""

PATIENCE_MS = 300
"""Chosen on the first part of a public trace (benchmarks/fleet/mixed.py)."""


class Machine(Struct, frozen=True):
    """The machine below one engine."""

    hardware: str  # As in the catalogue: "H100", "CPU-12"; or what the configuration calls it.
    count: int  # Devices.
    tier: Tier
    rate: Rate  # Of all its devices together.
    region: str = ""
    power_w: int = 0  # All of them at full load; 0: nobody knows.
    notice: str = ""  # The URL that says when it is taken back; empty for none.
    priced: str = ""  # Where its price is from: "configuration", or "catalogue of 2026-01".
    prefill: int = PREFILL  # Tokens a second that it reads for one call alone, at the slowest that is held for,
    decode: int = DECODE  # and that it writes.
    patience_ms: int = PATIENCE_MS  # The wait at which one more call costs what it would elsewhere.
    electricity: int = 0  # Pico-dollars a kWh; 0: its price has it in it.
