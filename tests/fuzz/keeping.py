"""What of a corpus is kept in the repository: `python -m fuzz.keeping NAME …`.

Only inputs that take a step in the gateway which neither a seed nor a smaller one takes, and few kilobytes a target.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.figures import WORK
from fuzz.target import HERE, NAMES, ROOT, Target, kept, load

BYTES_MAX = 12 << 10
INPUT_BYTES_MAX = 2 << 10
GATEWAY = str(ROOT / "gateway")

Steps = set[tuple[str, int, int]]


def keep(name: str, corpora: list[Path]) -> int:
    """Write the inputs into tests/fuzz/corpus; returns how many. Of what is there already, what still counts stays."""
    target, folder = load(name), HERE / "corpus" / name
    found = {path.read_bytes() for corpus in corpora for path in corpus.iterdir()} | set(kept(name).values())
    seen: Steps = set()
    for data in target.seeds():
        seen |= steps(target, data)
    chosen: list[bytes] = []
    for data in sorted((one for one in found if len(one) <= INPUT_BYTES_MAX), key=lambda one: (len(one), one)):
        new = steps(target, data) - seen
        if new and sum(map(len, chosen)) + len(data) <= BYTES_MAX:
            chosen.append(data)
            seen |= new
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for data in chosen:
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:16]).write_bytes(data)
    return len(chosen)


def steps(target: Target, data: bytes) -> Steps:
    """From which line to which the gateway goes for an input."""
    found: Steps = set()

    def called(frame: FrameType, event: str, _: Any) -> Any:
        file, before = frame.f_code.co_filename, 0
        if event != "call" or not file.startswith(GATEWAY):
            return None

        def stepped(inner: FrameType, what: str, _: Any) -> Any:
            nonlocal before
            if what == "line":
                found.add((file, before, inner.f_lineno))
                before = inner.f_lineno
            return stepped

        return stepped

    sys.settrace(called)
    try:
        with suppress(Exception):
            target.check(data)
    finally:
        sys.settrace(None)
    return found


if __name__ == "__main__":
    for one in sys.argv[1:] or NAMES:
        print(one, keep(one, [path for path in [WORK / one / "corpus"] if path.exists()]))
