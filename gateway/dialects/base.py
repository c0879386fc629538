"""What a dialect must do. It is a lens on bytes, not a model of a whole API."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from gateway.core.errors import GatewayError
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Report


class Quirk(StrEnum):
    """Ways in which a provider departs from OpenAI's chat as most speak it. A provider's data names those it has."""

    REASONING_BESIDE_OUTPUT = "reasoning_beside_output"  # xAI chat: completion_tokens leave reasoning out.
    OUTPUT_IS_THE_REST = "output_is_the_rest"  # Google's compatible endpoint: output = total - prompt.
    AUDIO_BESIDE_INPUT = "audio_beside_input"  # Mistral: not in prompt_tokens, charged by prompt_audio_seconds.
    CHARGES_REPORTED_COST = "charges_reported_cost"  # OpenRouter: `usage.cost` is what is charged.
    CHARGES_COST_TICKS = "charges_cost_ticks"  # xAI: `usage.cost_in_usd_ticks`, of 1e-10 dollars.
    COUNTS_RESEARCH = "counts_research"  # Perplexity: searches and thoughts stand beside, `usage.cost` is rounded.
    CAPS_COMPLETION_TOKENS = "caps_completion_tokens"  # Newer models at OpenAI refuse `max_tokens`.


class Aimed(NamedTuple):
    """A request for one deployment: what to append to the provider's base URL, and the body."""

    path: str
    body: bytes


def with_query(path: str, asked: Asked) -> str:
    """The path, with the query as the caller gave it."""
    return f"{path}?{asked.query}" if asked.query else path


class Signs(NamedTuple):
    """What to look for in a stream without decoding every event of it. Patterns are searched in whole events."""

    usage: re.Pattern[bytes]  # The event may say something about usage: it is decoded.
    text: re.Pattern[bytes]  # Generated text as JSON writes it, in group 1. Possessive: it may be cut short.
    finish: re.Pattern[bytes]  # One choice gives its reason to finish, unless group 1 is empty.
    done: re.Pattern[bytes]  # The provider says that this was all.
    done_hint: bytes  # A word that stands in every event that matches `done`.
    reasoning: re.Pattern[bytes]  # Reasoning is shown, and so is part of the text.
    reasoning_hint: bytes
    arrays: bool = False  # A stream may come as one JSON array.
    opaque: bool = False  # A whole answer need not be JSON: sound, plain text.
    text_whole: Callable[[], re.Pattern[bytes]] | None = None  # As `text`, in whole answers that have it elsewhere.
    fetched: re.Pattern[bytes] | None = None  # A result of the tool in group 1, which the provider ran.


NOTHING_YET = Report()


ID_CHARACTERS_MAX = 256
"""Of a provider's name for an answer. A longer one is no name."""


def id_of(said: Any, before: Report = NOTHING_YET) -> str:
    """The provider's name for its answer: what it says now, if that is a name, else what it said before."""
    return said if isinstance(said, str) and 0 < len(said) <= ID_CHARACTERS_MAX else before.answer_id


class Dialect(Protocol):
    """One wire format, for one kind of call."""

    @property
    def name(self) -> str:
        """Such as "openai-chat"."""
        ...

    @property
    def signs(self) -> Signs:
        """How to read its streams."""
        ...

    @property
    def shows_cost(self) -> bool:
        """Whether what a call cost is written into the usage of its stream, for a caller that asked for usage."""
        ...

    def read(self, asked: Asked) -> Facts:
        """What routing and billing need from a request. Raises BadRequest, naming the field."""
        ...

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """The same request for that model, streams asked to report usage. Every other byte stays."""
        ...

    def countable(self, asked: Asked) -> Countable:
        """The parts of a request that become tokens."""
        ...

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """What a whole answer says about itself; or the data of one stream event, on top of what was said before it.
        Never raises."""
        ...

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Our refusal as a body in the caller's own shape."""
        ...

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """The same as the last event of a stream that has already begun."""
        ...
