"""What was learned of token counts survives a restart: one small file for each process, replaced as a whole."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec

from gateway.prices.stored import write
from gateway.tokens.calibration import Calibration, Remembered

KEEP_EVERY_S = 60.0

log = logging.getLogger("fareway")

Kept = dict[str, dict[str, Remembered]]


def learned_path(home: Path, worker: int | None) -> Path:
    """Where a process keeps what it has learned. Each worker learns and keeps by itself."""
    return home / ("tokens.json" if worker is None else f"tokens-{worker}.json")


def learned_in(home: Path) -> list[Path]:
    """What all processes of a home have kept."""
    return sorted(home.glob("tokens*.json"))


def calibration(path: Path) -> Calibration:
    """One that goes on from what is in a file."""
    learned = Calibration()
    learned.remember(load(path))
    return learned


def load(path: Path) -> Kept:
    """What is in a file: nothing where there is none. A file that is damaged is left out, and that is logged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        log.warning("what was learned of token counts is lost: %s: %s", path, problem)
        return {}


def save(path: Path, kept: Kept) -> None:
    """Replace the file. A failure is logged: what is lost is learned again."""
    try:
        write(path, msgspec.json.encode(kept))
    except OSError as problem:
        log.warning("what was learned of token counts could not be kept: %s: %s", path, problem)


async def keep(path: Path, calibration: Calibration, every_s: float = KEEP_EVERY_S) -> None:
    """Write the file every so often, off the loop, where there is anything new; and at the end."""
    written = 0
    try:
        while True:
            await asyncio.sleep(every_s)
            if calibration.learned != written:
                written = calibration.learned
                await asyncio.to_thread(save, path, calibration.remembered())
    finally:
        if calibration.learned != written:
            save(path, calibration.remembered())
