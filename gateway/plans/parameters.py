"""What a plan can be told, declared once: as arguments of a command, and as what the admin API takes."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.core.errors import BadRequest


class Takes(Protocol):
    """An argparse.ArgumentParser, or Parameters."""

    def add_argument(self, flag: str, /, **said: Any) -> Any: ...  # noqa: D102 - as argparse does


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of them, as argparse is told. `several`: it may be said more than once."""

    name: str
    type: Callable[[str], Any] = str
    default: Any = None
    choices: Sequence[str] = ()
    required: bool = False
    flag: bool = False
    several: bool = False
    metavar: str = ""
    help: str = ""

    def read(self, said: str) -> Any:
        """Its value; of several, with commas between them. Raises BadRequest."""
        if self.choices and said not in self.choices:
            raise BadRequest(f"{said!r} is none of {', '.join(self.choices)}", self.name)
        try:
            return [self.type(part) for part in said.split(",")] if self.several else self.type(said)
        except (ArgumentTypeError, ValueError) as error:
            raise BadRequest(str(error), self.name) from None


class Parameters:
    """Takes declarations where an argument parser would, and reads what is said by name."""

    def __init__(self) -> None:
        self.known: dict[str, Parameter] = {}

    def add_argument(self, flag: str, /, *, action: str = "store", **said: Any) -> None:
        """Declare one, in argparse's words."""
        name = flag.lstrip("-").replace("-", "_")
        self.known[name] = Parameter(name, flag=action == "store_true", several=action == "append", **said)

    def read(self, said: Mapping[str, Any]) -> Namespace:
        """The values of all. `said`: text, or a truth for a flag. Raises BadRequest."""
        values = {}
        for name, one in self.known.items():
            if one.flag:
                values[name] = bool(said.get(name))
            else:
                values[name] = one.read(said[name]) if name in said else one.default
        return Namespace(**values)
