"""The dated catalogue of hardware: what an hour of it costs by tier, how much it holds and how fast it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files

from gateway.core.money import Money
from gateway.planning.amounts import times


class Tier(StrEnum):
    """How hardware is bought."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"  # May be taken back at short notice.
    RESERVED_1Y = "reserved-1y"  # Paid whether used or not.
    RESERVED_3Y = "reserved-3y"


@dataclass(frozen=True, slots=True)
class Hardware:
    """One kind of device. `hourly` is USD per hour of one, by tier."""

    name: str
    kind: str  # gpu or cpu.
    memory_gb: int
    tflops: Fraction  # Dense, fp16.
    bandwidth_gb_s: int
    watts: int
    hourly: Mapping[Tier, Money]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of them, cheapest on demand first, and the month that the prices are of."""

    date: str
    hardware: tuple[Hardware, ...]

    def named(self, name: str) -> Hardware:
        """The one of that name, in any case, with or without its hyphen, its maker and its memory: "h100_80gb" is an
        H100. Raises ValueError."""
        for one in self.hardware:
            if _plain(name) in (_plain(one.name), f"{_plain(one.name)}{one.memory_gb}"):
                return one
        raise ValueError(f"{name!r} is none of {', '.join(one.name for one in self.hardware)}")


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue of the package, `gpus.toml`."""
    told = tomllib.loads(files("gateway.planning").joinpath("gpus.toml").read_text())
    off = {int(years): Fraction(share) for years, share in told["reserved"].items()}
    rows = [_read(row, off) for row in told["hardware"]]
    return Catalogue(told["date"], tuple(sorted(rows, key=lambda one: one.hourly[Tier.ON_DEMAND])))


def _read(row: Mapping[str, str | int], off: Mapping[int, Fraction]) -> Hardware:
    listed = Money.usd(row["on_demand"])
    return Hardware(
        name=str(row["name"]),
        kind=str(row.get("kind", "gpu")),
        memory_gb=int(row["memory_gb"]),
        tflops=Fraction(row["tflops"]),
        bandwidth_gb_s=int(row["bandwidth_gb_s"]),
        watts=int(row["watts"]),
        hourly={
            Tier.ON_DEMAND: listed,
            Tier.SPOT: Money.usd(row["spot"]),
            Tier.RESERVED_1Y: times(listed, 1 - off[1]),
            Tier.RESERVED_3Y: times(listed, 1 - off[3]),
        },
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("nvidia").removesuffix("gb")
