"""What is kept of keys, tenants and limits, for commands that begin nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.assembly.stores import directory
from gateway.cli.settings import Unusable
from gateway.config.settings import Settings
from gateway.directory.directory import Directory


def anything(found: Settings) -> bool:
    """Whether something is kept yet."""
    return found.shared is not None or found.state.exists()


@contextmanager
def kept_in(found: Settings) -> Iterator[Directory]:
    """What is kept there. Raises Unusable, and makes no file, where nothing is."""
    if not anything(found):
        raise Unusable(
            f"nothing is kept at {found.state} yet: it begins with `fareway serve` or `fareway keys create`", 3
        )
    with directory(found) as kept:
        yield kept
