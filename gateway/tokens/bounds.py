"""Upper bounds that need no tokenizer, because a token of a byte-level vocabulary is at least one byte."""

from __future__ import annotations

from gateway.core.request import Countable, Facts
from gateway.tokens.families import Family, family_of

FILE_TOKENS = 100_000  # A document given by reference: about a hundred pages, as text and picture.
JSON_TOKENS = 512  # Hidden instructions for structured output; 462 were recorded for a ten-token prompt.
MESSAGE_TOKENS = 4  # Three around a message, one for its role.
RENDERING_TOKENS = 48  # What surrounds tool definitions once they are rendered, and rounding.


def bound(body_bytes: int, facts: Facts, model: str) -> int:
    """The most input tokens that a body of this size can be at `model`. Instant and pure.

    Holds for every byte-level vocabulary. Images and files count at the largest that the family
    bills; what a provider's own tools fetch (web pages, search results) is not in it.
    """
    family = family_of(model)
    hidden = _hidden(family, tools="tools" in facts.needs)
    structured = JSON_TOKENS if "json" in facts.needs else 0
    said = body_bytes if facts.input_tokens_max is None else facts.input_tokens_max
    return said + facts.images * family.image + facts.files * FILE_TOKENS + hidden + structured


def ceiling(countable: Countable, family: Family) -> int:
    """The most tokens that these parts can be: what a count is worth when counting fails."""
    text = sum(size(text) for text in countable.texts) + size(countable.tools)
    messages = countable.messages * MESSAGE_TOKENS + countable.names
    return text + messages + attachments(countable, family) + _hidden(family, tools=bool(countable.tools))


def attachments(countable: Countable, family: Family) -> int:
    """Tokens of images and files, at their bounds."""
    return countable.images * family.image + countable.files * FILE_TOKENS


def size(text: str) -> int:
    """Bytes of a text. A lone surrogate, which JSON can carry, counts as the three of its replacement."""
    return len(text.encode("utf-8", "surrogatepass"))


def _hidden(family: Family, *, tools: bool) -> int:
    preamble = family.tools + RENDERING_TOKENS if tools else 0
    return family.priming + family.template + preamble
