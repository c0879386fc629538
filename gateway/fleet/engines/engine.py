"""How an engine of one kind is asked, and how its answers are read."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from gateway.fleet.engines.said import NOTHING, Names, Said, read


class Engine(Struct, frozen=True):
    """Its pages, below {base}, the address that calls go to, or below {root}, the same without /v1."""

    listed: Callable[[bytes], frozenset[str]]  # The models that a page names. Raises UNREADABLE.
    models: str = "{base}/models"
    health: str = ""  # Empty: it has none, and is well if it lists its models.
    metrics: str = ""  # Empty: it has none.
    names: Names = Names()

    def said(self, page: bytes) -> Said:
        """What its metrics page says."""
        return read(page, self.names) if self.metrics else NOTHING


class _Model(Struct):
    id: str
    aliases: tuple[str, ...] | None = None  # Of llama.cpp.


class _Models(Struct):
    data: tuple[_Model, ...]


_models = msgspec.json.Decoder(_Models)


def listed(page: bytes) -> frozenset[str]:
    """The models of OpenAI's GET /v1/models. Raises UNREADABLE."""
    return frozenset(name for model in _models.decode(page).data for name in (model.id, *(model.aliases or ())))
