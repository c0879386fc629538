"""Who is next: by turns between keys, and first come, first served within each. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """At most `size_max` wait. A key that was served goes behind all others, however many of its calls wait."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._size = 0
        self._keys: dict[str, dict[T, None]] = {}  # In the order of their turns; of each, who waits.

    def __len__(self) -> int:
        return self._size

    @property
    def first(self) -> T | None:
        """Whose turn it is; None if nobody waits."""
        for waiting in self._keys.values():
            return next(iter(waiting))
        return None

    def join(self, key: str, one: T) -> bool:
        """Wait behind all others of this key. False where too many wait already."""
        if self._size >= self._size_max:
            return False
        self._keys.setdefault(key, {})[one] = None
        self._size += 1
        return True

    def leave(self, key: str, one: T, *, served: bool) -> None:
        """Wait no longer. Whoever gave up before its turn leaves the turn to the next of its key."""
        waiting = self._keys[key]
        del waiting[one]
        self._size -= 1
        if not waiting:
            del self._keys[key]
        elif served:
            self._keys[key] = self._keys.pop(key)
