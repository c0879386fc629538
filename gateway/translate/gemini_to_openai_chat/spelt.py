"""Requests as Google takes them: in either spelling, one thing for a list of it, and numbers also as strings.

So does protobuf read JSON: https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.fields import Fields

_SNAKE = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")


class Spelt(Fields):
    """See `Fields`. Names inside what is carried as it is, such as arguments, stay as they are."""

    __slots__ = ()

    def __init__(self, value: Any, path: str, losses: Losses) -> None:
        super().__init__(_camel(value, path), path, losses)

    def items(self, name: str) -> list[Any]:
        """See `Fields.items`. What is no array is one of one."""
        value = self.any(name)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def number(self, name: str) -> float | None:
        """See `Fields.number`."""
        value = self.any(name)
        return super().number(name) if value is None else self._counted(name, value, "a number")

    def whole(self, name: str) -> int | None:
        """See `Fields.whole`."""
        value = self.any(name)
        if value is None:
            return None
        number = self._counted(name, value, "a whole number")
        return int(number) if number == int(number) else self._wrong(name, "a whole number")

    def _counted(self, name: str, value: Any, kind: str) -> float:
        try:
            number: int | float = msgspec.convert(value, int | float, strict=False)
        except msgspec.ValidationError:
            self._wrong(name, kind)
        return number if math.isfinite(number) else self._wrong(name, kind)


def _camel(value: Any, path: str) -> Any:
    """The members by the names that Google's clients give them. Raises BadRequest where one is given twice."""
    if not isinstance(value, dict) or not any("_" in name for name in value):
        return value
    made: dict[str, Any] = {}
    for name, member in value.items():
        spelt = _SNAKE.sub(lambda found: found[1].upper(), name)
        if spelt in made:
            field = f"{path}.{spelt}" if path else spelt
            raise BadRequest(f"{field} is given twice", field)
        made[spelt] = member
    return made
