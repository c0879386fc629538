"""What a call used, in counters that never overlap, so that a cost is a plain sum of products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import astuple

from gateway.core.money import Money


class Extras(Struct, frozen=True, omit_defaults=True):
    """What is not counted in tokens, and often charged beside them. Most calls have none of it."""

    web_searches: int = 0
    file_searches: int = 0
    x_searches: int = 0
    map_searches: int = 0
    code_sessions: int = 0
    search_units: int = 0  # Cohere: a query with up to 100 documents to rank.
    images: int = 0
    pages: int = 0
    characters: int = 0
    audio_ms: int = 0  # Of recordings that are charged by their length.

    def counted(self) -> dict[str, int]:
        """What there is any of, by name."""
        return {name: count for name, count in zip(self.__struct_fields__, astuple(self), strict=True) if count}


class Usage(Struct, frozen=True, gc=False, omit_defaults=True):
    """Disjoint counters of one call.

    Providers disagree on what contains what (OpenAI counts cached tokens inside `prompt_tokens`,
    xAI's chat counts reasoning beside `completion_tokens`). Each dialect settles that on the way
    in, so here every token is counted once, under the class whose rate it pays.
    """

    input: int = 0  # Uncached text.
    cache_read: int = 0
    cache_write: int = 0  # The provider's default lifetime (5 minutes at Anthropic, 30 at OpenAI).
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
    cache_write_12h: int = 0
    cache_read_image: int = 0
    input_video: int = 0
    input_tool: int = 0  # What the provider's own tools put into the prompt (Gemini's toolUsePromptTokenCount).
    extras: Extras | None = None
    prompt: int | None = None  # Of the sum of several turns, what bands by context size look at: one has no less.

    @property
    def input_total(self) -> int:
        """Every input token, cached or not."""
        return (
            self.input
            + self.cache_read
            + self.cache_write
            + self.cache_write_1h
            + self.cache_write_12h
            + self.input_audio
            + self.cache_read_audio
            + self.input_image
            + self.cache_read_image
            + self.input_video
            + self.input_tool
        )

    @property
    def output_total(self) -> int:
        """Every output token, reasoning included."""
        return self.output + self.output_reasoning + self.output_audio + self.output_image

    @property
    def tokens(self) -> int:
        """Input and output together: what token limits count."""
        return self.input_total + self.output_total


_COUNTERS = tuple(name for name in Usage.__struct_fields__ if name not in ("final", "extras", "prompt"))


def summed(calls: Iterable[Usage]) -> Usage:
    """What several calls used together: to be told and counted. Each of them has been priced by itself."""
    counts, extras, final = Counter[str](), Counter[str](), True
    for usage in calls:
        counts.update({name: getattr(usage, name) for name in _COUNTERS})
        extras.update(usage.extras.counted() if usage.extras is not None else {})
        final = final and usage.final
    return Usage(**{name: counts[name] for name in _COUNTERS}, final=final, extras=Extras(**extras) if extras else None)


class Turn(Struct, frozen=True):
    """A part of a call that is priced on its own: one sampling turn, at the model that it ran on."""

    usage: Usage
    model: str | None = None  # None: the call's own.
    doubtful: bool = False  # Whether it is charged at all is not known: it is counted, and costs nothing so far.


MAYBE_MORE = Turn(Usage(requests=0), doubtful=True)
"""Something that may be charged for beside what is reported, nobody says how much."""


class Report(Struct, frozen=True):
    """What a provider's answer says about itself, as far as it has come."""

    usage: Usage | None = None
    model: str | None = None  # The model that served, which may be more precise than the one asked for.
    service_tier: str | None = None  # The served tier, not the requested one; with other `conditions` of the price.
    cost: Money | None = None  # Only if the provider charges by the figure that it reports.
    rounded: Money | None = None  # What it says that the call costs, where its parts are rounded.
    failed: bool = False  # It is an error under a good status.
    clamped: bool = False  # The provider's counters contradicted each other and were mended.
    turns: tuple[Turn, ...] = ()  # Where parts are priced on their own: then their sum is the cost.
    raw: bytes = b""  # The usage as the provider wrote it, JSON.
    last: bool = False  # Of a stream: nothing comes after it.
    answer_id: str = ""  # The provider's own name for the answer.

    @property
    def hollow(self) -> bool:
        """Whether the provider wrote that an answer, which there is, took nothing at all. That is no count."""
        usage = self.usage
        if usage is None or self.failed or not self.raw or self.cost is not None:
            return False
        return not usage.tokens and usage.extras is None

    @property
    def used(self) -> Usage | None:
        """The usage that can be charged by; None if the provider does not say."""
        return None if self.hollow else self.usage
