"""Whether what makes vectors of questions can be loaded."""

from __future__ import annotations

import re

from gateway.cache.embedding import NoEmbedding, load_embedding
from gateway.config.units import UnreadableError


def known_embedding(dotted: str) -> str:
    """The same name, if an `embed` is there. Raises UnreadableError, saying what is missing or wrong."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", dotted):
        raise UnreadableError("must be a module by its dotted name, such as acme.embedding")
    try:
        load_embedding(dotted)("Is this a question?")
    except NoEmbedding as error:
        raise UnreadableError(str(error), quotes=True) from None
    except Exception as error:  # noqa: BLE001 - it is anybody's code, and may fail in any way.
        message = f"the embedding {dotted} does not work: {type(error).__name__}: {error}"
        raise UnreadableError(message, quotes=True) from None
    return dotted
