"""How bodies are read: as far as the simulator knows them. Unknown fields are ignored, as providers do with most."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.simulator.errors import RefusedError

Positive = Annotated[int, Meta(ge=1)]
Body = TypeVar("Body")


class Embeddings(Struct, frozen=True):
    """The body of /v1/embeddings."""

    model: str
    input: str | list[Any]
    encoding_format: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=4096)] | None = None


def read(kind: type[Body], raw: bytes) -> Body:
    """The body as `kind`. Raises RefusedError (400) that names the field at fault."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        _, _, path = str(error).rpartition("`$")
        raise RefusedError(400, str(error), param=path.strip("`.") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"The body is not JSON: {error}") from None
