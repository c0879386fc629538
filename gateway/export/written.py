"""How many lines of the ledger each file of a day was written from. Of a day that has more by now it is out of date:
lines are never changed or taken away, but those that correct others have the day of what they correct."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import msgspec

from gateway.export.places import whole_file

_decoder = msgspec.json.Decoder(dict[str, dict[str, int]])

log = logging.getLogger("fareway.exports")


class Written:
    """Kept in a file of the home. A note that is lost costs nothing but another writing. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._days: dict[str, dict[str, int]] = {}  # By day, then by place and file.
        try:
            self._days = _decoder.decode(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("what exports were written from is not known, so they are written again: %s", error)

    def lines(self, day: date, file: str) -> int:
        """Of this file; none where that is not known."""
        return self._days.get(day.isoformat(), {}).get(file, 0)

    def note(self, day: date, file: str, lines: int, *, since: date) -> None:
        """It was written from so many. Days before `since` are forgotten."""
        self._days.setdefault(day.isoformat(), {})[file] = lines
        self._days = {name: files for name, files in self._days.items() if name >= since.isoformat()}
        try:
            with whole_file(self._path) as draft:
                draft.write(msgspec.json.encode(self._days))
        except OSError as error:
            log.warning("what %s was written from could not be noted: %s", file, error)
