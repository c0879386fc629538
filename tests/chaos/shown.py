"""What was shown for a row: tests write it to build/chaos, a file each; `scripts/reliability.py` makes the table."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from goals import GOALS
from harness import ROOT

TRIALS = ROOT / "build" / "chaos"


class OutOfBounds(UserWarning):
    """A figure of time or memory missed its target on a machine that may have been busy."""


@dataclass
class Shown:
    """One test's figures. A row may have several tests, and a test several rows."""

    test: str
    seed: int
    full: bool  # All of it, not the short form.
    folder: Path = TRIALS
    begun: float = field(default_factory=time.monotonic)

    def __call__(
        self,
        row: str,
        how: str,
        figure: str,
        *,
        target: str,
        met: bool,
        bounded: bool = True,
        because: str = "",
        **numbers: Any,
    ) -> None:
        """Write what was measured, and fail where the target is missed. `how`: the method, in a few words. `bounded`:
        whether times and memory, too, kept within their bounds; what else the machine does may push them out, so in
        the short form, which runs before changes land, that alone is a warning. `because`: why a bound cannot be kept,
        with which the test stays red in the table and expected, as long as what must be `met` all the same is: a floor
        below that bound belongs there. `numbers`: for programs."""
        because = because if met and not bounded else ""
        self._write(row, how, figure=figure, target=target, met=met and bounded, numbers=numbers, because=because)
        said = f"{row}, {how}: {figure}, wanted {target} (seed {self.seed})"
        assert met, said
        if because:
            pytest.xfail(f"{said}: {because}")
        assert bounded or not self.full, said
        if not bounded:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn(said, OutOfBounds, stacklevel=2)

    def untried(self, row: str, how: str, *, target: str, lacking: str) -> None:
        """This machine lacks something: the row says so, and the test is skipped."""
        self._write(row, how, figure=f"not tried: {lacking}", target=target, met=None, numbers={}, because="")
        pytest.skip(lacking)

    def _write(self, row: str, how: str, **found: Any) -> None:
        assert row in GOALS, row
        seconds = round(time.monotonic() - self.begun, 1)
        trial = {"row": row, "how": how, **found, "seed": self.seed, "full": self.full, "seconds": seconds}
        path = self.folder / row / f"{self.test}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(path.read_text()) if path.exists() else []
        others = [one for one in known if one["how"] != how]
        path.write_text(json.dumps([*others, trial], indent=1, ensure_ascii=False) + "\n")
        print(json.dumps(trial, ensure_ascii=False))
