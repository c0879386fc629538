"""Taking a caller's request apart, so that nothing in it is left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import msgspec

from gateway.core.errors import BadRequest
from gateway.dialects.validate import decode
from gateway.translate.edge import Losses

_objects = msgspec.json.Decoder(dict[str, Any])
UNKNOWN = "No field of that name is known here."
NO_SETTING = "There is no such setting there."


class Fields:
    """The members of one JSON object, taken one by one; null counts as absent. Each method raises BadRequest, naming
    the member, if it is of another type. `end` drops what nobody took, here and in the objects opened inside."""

    __slots__ = ("_left", "_losses", "_opened", "path")

    def __init__(self, value: Any, path: str, losses: Losses) -> None:
        if not isinstance(value, dict):
            raise BadRequest(f"{path} must be an object", path)
        self.path = path
        self._left = {name: member for name, member in value.items() if member is not None}
        self._losses = losses
        self._opened: list[Fields] = []

    @classmethod
    def of_body(cls, body: bytes, losses: Losses) -> Fields:
        """The members of a whole body."""
        return cls(decode(_objects, body), "", losses)

    def __contains__(self, name: str) -> bool:
        """Whether it is there, and nobody has taken it."""
        return name in self._left

    def at(self, name: str) -> str:
        """What the caller calls this member."""
        return f"{self.path}.{name}" if self.path else name

    def any(self, name: str) -> Any:
        """Whatever it is; None if it is absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.any(name)
        return value if value is None or isinstance(value, str) else self._wrong(name, "a string")

    def needed(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise BadRequest(f"{self.at(name)} is required", self.at(name))
        return value

    def number(self, name: str) -> float | None:
        """A number, whole or not, as it stands there."""
        value = self.any(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        return self._wrong(name, "a number")

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.any(name)
        return value if value is None or type(value) is int else self._wrong(name, "a whole number")

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.any(name)
        return value if value is None or isinstance(value, bool) else self._wrong(name, "true or false")

    def mapping(self, name: str) -> dict[str, Any]:
        """An object that is carried as it is; empty if it is absent."""
        value = self.any(name)
        if value is None:
            return {}
        return value if isinstance(value, dict) else self._wrong(name, "an object")

    def items(self, name: str) -> list[Any]:
        """An array; empty if it is absent."""
        value = self.any(name)
        if value is None:
            return []
        return value if isinstance(value, list) else self._wrong(name, "an array")

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of an array."""
        return self.opened_each(self.items(name), name)

    def opened_each(self, items: list[Any], name: str) -> Iterator[Fields]:
        """The objects of an array that was taken already."""
        for index, item in enumerate(items):
            yield self._open(item, f"{self.at(name)}[{index}]")

    def object(self, name: str) -> Fields | None:
        """An object; None if it is absent."""
        value = self.any(name)
        return None if value is None else self._open(value, self.at(name))

    def opened(self, value: dict[str, Any], name: str) -> Fields:
        """An object that was taken already."""
        return self._open(value, self.at(name))

    def inner(self, name: str) -> Fields:
        """An object that must be there."""
        found = self.object(name)
        if found is None:
            raise BadRequest(f"{self.at(name)} is required", self.at(name))
        return found

    def content(self, name: str) -> Iterator[Fields]:
        """What is said, part by part; a string counts as one part of text."""
        said = self.any(name)
        if isinstance(said, str):
            said = [{"type": "text", "text": said}]
        if not isinstance(said, list | None):
            self._wrong(name, "a string or an array")
        return self.opened_each(said or [], name)

    def note(self, *names: str) -> None:
        """Leave these hints out, if they are there. Empty ones say nothing."""
        for name in names:
            if self.any(name) not in (None, [], {}, ""):
                self.hint(name)

    def note_once(self, name: str, called: str) -> None:
        """The same for a hint that stands in many places: it is named once, for all of them."""
        if self.any(name) not in (None, False):
            self._losses.note(called)

    def hint(self, name: str) -> None:
        """Leave a hint out that was taken already."""
        self._losses.note(self.at(name))

    def leave(self, name: str) -> None:
        """Leave a hint out under a name of its own, for many of a kind."""
        self._losses.note(name)

    def lose(self, name: str, why: str) -> None:
        """Leave something out that was taken already, and would change the answer."""
        self._losses.drop(self.at(name), why)

    def drop(self, name: str, why: str, *, unless: tuple[Any, ...] = ()) -> None:
        """Leave out what would change the answer, unless it is one of these values, which change nothing."""
        value = self.any(name)
        if value is not None and value not in unless:
            self._losses.drop(self.at(name), why)

    def skip(self) -> None:
        """Nothing else in it matters."""
        self._left.clear()
        self._opened.clear()

    def drop_all(self, why: str, name: str = "") -> None:
        """Leave out the whole object; it may be called by a member of its own."""
        self.skip()
        self._losses.drop(self.at(name) if name else self.path, why)

    def end(self) -> None:
        """Drop by name whatever was not taken."""
        for name in tuple(self._left):
            self.drop(name, UNKNOWN)
        for inner in self._opened:
            inner.end()

    def _open(self, value: Any, path: str) -> Fields:
        opened = type(self)(value, path, self._losses)
        self._opened.append(opened)
        return opened

    def _wrong(self, name: str, kind: str) -> NoReturn:
        raise BadRequest(f"{self.at(name)} must be {kind}", self.at(name))
