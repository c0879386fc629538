"""What a call used, in counters that never overlap, so that a cost is a plain sum of products."""

from __future__ import annotations

from msgspec import Struct

from gateway.core.money import Money


class Usage(Struct, frozen=True, gc=False):
    """Disjoint token counters of one call.

    Providers disagree on what contains what (OpenAI counts cached tokens inside `prompt_tokens`,
    xAI's chat counts reasoning beside `completion_tokens`). Each dialect settles that on the way
    in, so here every token is counted once, under the class whose rate it pays.
    """

    input: int = 0  # Uncached text.
    cache_read: int = 0
    cache_write: int = 0  # The provider's default lifetime (5 minutes at Anthropic).
    cache_write_1h: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    output: int = 0  # Visible text.
    output_reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    requests: int = 1  # Some providers charge a fee per call.
    final: bool = True  # False until the provider's last word, or when it never came.

    @property
    def input_total(self) -> int:
        """Every input token, cached or not: what context-size price tiers look at."""
        return (
            self.input
            + self.cache_read
            + self.cache_write
            + self.cache_write_1h
            + self.input_audio
            + self.cache_read_audio
            + self.input_image
        )

    @property
    def output_total(self) -> int:
        """Every output token, reasoning included."""
        return self.output + self.output_reasoning + self.output_audio + self.output_image

    @property
    def tokens(self) -> int:
        """Input and output together: what token limits count."""
        return self.input_total + self.output_total


class Report(Struct, frozen=True):
    """What a provider's answer says about itself."""

    usage: Usage | None = None
    model: str | None = None  # The model that served, which may be more precise than the one asked for.
    service_tier: str | None = None  # The served tier decides the price, not the requested one.
    cost: Money | None = None  # Only if the provider charges by the figure that it reports.
    failed: bool = False  # It is an error under a good status.
    clamped: bool = False  # The provider's counters contradicted each other and were mended.
