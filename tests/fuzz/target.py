"""What a target is.

A module in `targets/`, with

* `HEAD`: how many bytes at the beginning of an input choose between variants; the rest is the input proper.
* `JSON`: whether the rest is JSON, one document a line. Inputs are changed in their trees then.
* `check(data)`: raises for a fault: an exception that nobody declared, or a promise that does not hold.
* `seeds()`: inputs to begin with.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Protocol, cast

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = tuple(sorted(path.stem for path in (HERE / "targets").glob("[a-z]*.py")))

BYTEWISE = 255
BYTEWISE_MAX = 4000


class Target(Protocol):
    """A module of `targets/`."""

    HEAD: int
    JSON: bool

    def check(self, data: bytes) -> None:
        """See above."""

    def seeds(self) -> Iterable[bytes]:
        """See above."""


def load(name: str) -> Target:
    """The target of this name. Raises ModuleNotFoundError."""
    return cast("Target", importlib.import_module(f"fuzz.targets.{name}"))


def kept(name: str) -> dict[str, bytes]:
    """The inputs that the repository keeps of a target, by their files: its corpus, and what failed once."""
    folders = (HERE / "corpus" / name, HERE / "crashes" / name)
    return {path.name: path.read_bytes() for folder in folders for path in sorted(folder.glob("*"))}


def pieces(data: bytes, choice: int) -> list[bytes]:
    """The same bytes as they may come: cut as one byte chooses."""
    if choice == BYTEWISE and len(data) <= BYTEWISE_MAX:
        return [data[at : at + 1] for at in range(len(data))]
    dice = random.Random(choice)
    places = sorted(dice.randint(0, len(data)) for _ in range(1 + choice % 16))
    return [data[start:end] for start, end in pairwise([0, *places, len(data)])]
