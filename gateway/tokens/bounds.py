"""Upper bounds that need no tokenizer, because a token of a byte-level vocabulary is at least one byte."""

from __future__ import annotations

from gateway.core.request import Countable, Facts, Picture
from gateway.tokens.families import Family, family_of
from gateway.tokens.pictures import dimensions

FILE_TOKENS = 100_000  # A document beyond its bytes: about a hundred pages, as text and picture.
JSON_TOKENS = 512  # Hidden instructions for structured output; 462 were recorded for a ten-token prompt.
MESSAGE_TOKENS = 4  # Three around a message, one for its role.
RENDERING_TOKENS = 48  # What surrounds tool definitions once they are rendered, and rounding.


def bound(body_bytes: int, facts: Facts, model: str) -> int:
    """The most input tokens that a body of this size can be at `model`. Instant and pure.

    Holds for every byte-level vocabulary. Images and files count at the largest that the family
    bills; what a provider's own tools fetch (web pages, search results) is not in it.
    """
    family = family_of(model)
    hidden = _hidden(family, tools="tools" in facts.needs) + facts.defined
    structured = JSON_TOKENS if "json" in facts.needs else 0
    said = body_bytes if facts.input_tokens_max is None else facts.input_tokens_max
    return said + facts.images * family.image + facts.files * FILE_TOKENS + hidden + structured


def ceiling(countable: Countable, family: Family) -> int:
    """The most tokens that these parts can be: what a count is worth when counting fails."""
    text = sum(size(text) for text in (*countable.texts, countable.tools, countable.schema)) + countable.unread
    messages = countable.messages * MESSAGE_TOKENS + countable.names
    images = countable.images * family.image
    hidden = countable.defined + _hidden(family, tools=bool(countable.tools)) + (JSON_TOKENS if countable.schema else 0)
    return text + messages + images + countable.files * FILE_TOKENS + hidden


def attachments(countable: Countable, family: Family) -> int:
    """Tokens of images, by their size where it can be told, and of files at their bound. Decodes; blocks."""
    unknown = max(0, countable.images - len(countable.pictures)) * family.image
    known = sum(_picture(picture, family) for picture in countable.pictures)
    return unknown + known + countable.files * FILE_TOKENS


def _picture(picture: Picture, family: Family) -> int:
    size = dimensions(picture.base64)
    return family.image if size is None else family.pictures.of(*size, low=picture.low)


def size(text: str) -> int:
    """Bytes of a text. A lone surrogate, which JSON can carry, counts as the three of its replacement."""
    return len(text.encode("utf-8", "surrogatepass"))


def _hidden(family: Family, *, tools: bool) -> int:
    preamble = family.tools + RENDERING_TOKENS if tools else 0
    return family.priming + family.template + preamble
