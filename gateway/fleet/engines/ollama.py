"""Ollama: GET /api/tags names its models, which it loads when they are asked for. It has no metrics.

https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from gateway.fleet.engines.engine import Engine

NEWEST = ":latest"
"""The tag that is meant where none is said."""


class _Model(Struct):
    name: str


class _Models(Struct):
    models: tuple[_Model, ...]


_models = msgspec.json.Decoder(_Models)


def listed(page: bytes) -> frozenset[str]:
    """The models of GET /api/tags, by all names that they answer to. Raises UNREADABLE."""
    names = [model.name for model in _models.decode(page).models]
    return frozenset((*names, *(name.removesuffix(NEWEST) for name in names)))


ENGINE = Engine(listed=listed, models="{root}/api/tags")
