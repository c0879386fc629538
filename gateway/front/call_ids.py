"""Names for requests: unique for ever, and cheap. Nobody is let in by guessing one."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator


def _names() -> Iterator[str]:
    process = secrets.token_hex(8)
    return (f"req_{process}{number:08x}" for number in itertools.count(1))


_known = {"names": _names()}


def next_id() -> str:
    """Random for the process, counted within it."""
    return next(_known["names"])


# A worker that went on with its parent's names would book its calls under those of another.
os.register_at_fork(after_in_child=lambda: _known.update(names=_names()))
