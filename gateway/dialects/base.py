"""What a dialect must do. It is a lens on bytes, not a model of a whole API."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from gateway.core.errors import GatewayError
from gateway.core.request import Countable, Facts
from gateway.core.usage import Report


class Quirk(StrEnum):
    """Ways in which a provider's usage departs from OpenAI's. A provider's data names those it has."""

    REASONING_BESIDE_OUTPUT = "reasoning_beside_output"  # xAI chat: completion_tokens leave reasoning out.
    OUTPUT_IS_THE_REST = "output_is_the_rest"  # Google's compatible endpoint: output = total - prompt.
    AUDIO_BESIDE_INPUT = "audio_beside_input"  # Mistral: audio tokens are not in prompt_tokens.
    CHARGES_REPORTED_COST = "charges_reported_cost"  # OpenRouter: `usage.cost` is what is charged.
    CHARGES_COST_TICKS = "charges_cost_ticks"  # xAI: `usage.cost_in_usd_ticks`, of 1e-10 dollars.


class Dialect(Protocol):
    """One wire format, for one kind of call."""

    name: str  # "openai-chat"
    path: str  # Appended to a provider's base URL: "/chat/completions".

    def read(self, body: bytes) -> Facts:
        """What routing and billing need from a request. Raises BadRequest, naming the field."""
        ...

    def aim(self, body: bytes, model: str, facts: Facts) -> bytes:
        """The same body for that model, streams asked to report usage. Every other byte stays."""
        ...

    def countable(self, body: bytes) -> Countable:
        """The parts of a body that become tokens."""
        ...

    def report(self, message: bytes, quirks: frozenset[Quirk]) -> Report:
        """What a whole answer, or the data of one stream event, says about itself. Never raises."""
        ...

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Our refusal as a body in the caller's own shape."""
        ...

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """The same as the last event of a stream that has already begun."""
        ...
