"""Changes inputs that are JSON, one document a line: in their trees, so that what comes out is mostly still JSON.

An input begins with a few bytes that choose (its head); they and whatever is no JSON are left to the engine.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 16, 5000, 10**9, 10**9 + 1, 2**31, 2**53 + 1, 2**63, -(2**63), 10**30),
    *(0.1, -0.5, 1.0, 1e30, 1e-30, "", " ", "x", "0", "-1", "\ud800", "\u0000", "é\u2028\U0001f600", "a" * 300),
    *([], {}, [[]], [{}], {"": None}, "data:image/png;base64,iVBORw0KGgo=", "https://example.com/a.png", "[DONE]"),
)
DEPTH = 200
TELLING = b'"\\{}[],:\n\r 0-.e'
CHANGES_MAX = 4

Spot = tuple[Any, Any]  # A container, and a key or an index in it.


def compact(value: Any) -> bytes:
    """One line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


class Mutator:
    """What libFuzzer asks for another input. `examples` lend their names and values to others."""

    def __init__(self, head: int, examples: Iterable[bytes]) -> None:
        self._head = head
        self._names: list[str] = []
        self._values: dict[str, list[Any]] = {}
        for example in examples:
            for line in example[head:].split(b"\n"):
                self._learn(_read(line))
        self._names = sorted(self._values)

    def __call__(self, data: bytes, size_max: int, seed: int) -> bytes:
        """Another input, of at most that size."""
        dice = random.Random(seed)
        if len(data) <= self._head or dice.random() < 0.1:
            return _scratched(data, dice)[:size_max]
        head, lines = data[: self._head], data[self._head :].split(b"\n")
        if dice.random() < 0.1:
            head = bytes(dice.randrange(256) for _ in head)
        if len(lines) > 1 and dice.random() < 0.3:
            _move(lines, dice)
        else:
            at = dice.randrange(len(lines))
            tree = _read(lines[at])
            if not isinstance(tree, dict | list):
                return _scratched(data, dice)[:size_max]
            try:
                for _ in range(dice.randint(1, CHANGES_MAX)):
                    tree = self._changed(tree, dice)
                lines[at] = compact(tree)
            except RecursionError:  # It is too deep even for us.
                return _scratched(data, dice)[:size_max]
        made = head + b"\n".join(lines)
        return made if len(made) <= size_max else _scratched(data, dice)[:size_max]

    def _learn(self, value: Any) -> None:
        for container, key in _spots(value):
            if isinstance(container, dict):
                self._values.setdefault(key, []).append(container[key])

    def _changed(self, tree: Any, dice: random.Random) -> Any:
        spots = list(_spots(tree))
        if not spots:
            return self._grown(tree, dice)
        container, key = dice.choice(spots)
        how = dice.randrange(7)
        if how == 0:
            container[key] = _copy(dice.choice(ODD))
        elif how == 1:
            del container[key]
        elif how == 2:
            other, there = dice.choice(spots)
            container[key] = _copy(other[there])
        elif how == 3:
            container[key] = _nudged(container[key], dice)
        elif how == 4:
            container[key] = self._likely(key, dice)
        elif how == 5:
            container[key] = self._grown(container[key], dice)
        else:
            for _ in range(dice.choice((1, 1, 1, DEPTH))):
                container[key] = [container[key]] if dice.random() < 0.5 else {self._name(dice): container[key]}
        return tree

    def _grown(self, value: Any, dice: random.Random) -> Any:
        if isinstance(value, dict) and self._names:
            name = self._name(dice)
            value[name] = self._likely(name, dice)
        elif isinstance(value, list):
            value.insert(dice.randint(0, len(value)), _copy(dice.choice(value or ODD)))
        return value

    def _likely(self, name: Any, dice: random.Random) -> Any:
        """What stands under this name in an example, or under another."""
        known = self._values.get(name) or self._values.get(self._name(dice))
        return _copy(dice.choice(known or ODD))

    def _name(self, dice: random.Random) -> str:
        return dice.choice(self._names) if self._names else "x"


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _spots(tree: Any) -> Iterable[Spot]:
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        members = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        for key, child in members:
            yield here, key
            waiting.append(child)


def _nudged(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return dice.choice(
            (value + 1, value - 1, -value, value * 2, str(value), float(value) if abs(value) < 2**60 else 0)
        )
    if isinstance(value, str):
        at = dice.randint(0, len(value))
        return dice.choice(
            (value[:at], value[at:], value[:at] + dice.choice(("é", '"', "\\", "\n", "\ud800", "\0")) + value[at:])
        )
    return value


def _move(lines: list[bytes], dice: random.Random) -> None:
    """Another order, one twice, or one less."""
    at, to, how = dice.randrange(len(lines)), dice.randrange(len(lines)), dice.randrange(3)
    if how == 0:
        lines[at], lines[to] = lines[to], lines[at]
    elif how == 1:
        lines.insert(to, lines[at])
    else:
        del lines[at]


def _scratched(data: bytes, dice: random.Random) -> bytes:
    """Some bytes changed, put in, left out or there twice."""
    made = bytearray(data)
    for _ in range(dice.randint(1, CHANGES_MAX)):
        at, how = dice.randint(0, len(made)), dice.randrange(5)
        end = min(len(made), at + dice.choice((1, 1, 4, 64)))
        if how == 0 and at < len(made):
            made[at] = dice.choice(TELLING) if dice.random() < 0.5 else dice.randrange(256)
        elif how == 1:
            made[at:at] = bytes((dice.choice(TELLING),))
        elif how == 2:
            made[at:at] = bytes((dice.randrange(256),))
        elif how == 3:
            del made[at:end]
        else:
            made[at:at] = made[at:end]
    return bytes(made)
