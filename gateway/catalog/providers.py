"""Providers as data: where they are, how they are asked, and how their bills differ from what one would expect.

Base URLs and key variables are the vendors' own; quirks and billing after a hang-up are in the
comments' words where a recording or a published list shows them (see docs/providers.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.route import TIERS
from gateway.dialects.base import Quirk

OPENAI_DIALECTS = frozenset({"openai-chat", "openai-embeddings"})


@dataclass(frozen=True, slots=True)
class Provider:
    """One place that answers calls."""

    name: str  # As in "openai/gpt-4o".
    base_url: str
    key: str = field(default="", repr=False)
    key_env: str = ""  # Found there, the provider is enabled without any configuration.
    auth: str = "bearer"  # Or the name of the header that carries the bare key.
    prices: str = ""  # The provider's name in the price book; empty for its own name.
    dialects: frozenset[str] = OPENAI_DIALECTS
    quirks: frozenset[Quirk] = frozenset()
    bills_after_abort: bool = True  # Whether it goes on charging when we hang up. Unknown is yes.
    headers: Mapping[str, str] = field(default_factory=dict)
    selfhosted: bool = False
    own_headers: Mapping[str, str] = field(init=False, repr=False)  # Those above, and the one that shows our key.

    @property
    def priced_as(self) -> str:
        """Its name in the price book."""
        return self.prices or self.name

    def __post_init__(self) -> None:
        """Worked out once: every call sends them."""
        shown = {"Authorization": f"Bearer {self.key}"} if self.auth == "bearer" else {self.auth: self.key}
        object.__setattr__(self, "own_headers", {**self.headers, **(shown if self.key else {})})


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model at one provider: what a policy chooses among."""

    provider: Provider
    model: str
    tier: str = TIERS[1]
    weight: int = 1
    output_tokens_max: int | None = None  # The most it generates in one answer; None: ask the price book.
    name: str = field(init=False)  # Unique: "openai/gpt-4o".

    def __post_init__(self) -> None:
        """Worked out once: every call asks."""
        object.__setattr__(self, "name", f"{self.provider.name}/{self.model}")


# Who stops charging when a call is aborted: OpenRouter's published list.
KNOWN = {
    provider.name: provider
    for provider in (
        Provider("openai", "https://api.openai.com/v1", key_env="OPENAI_API_KEY", bills_after_abort=False),
        Provider("groq", "https://api.groq.com/openai/v1", key_env="GROQ_API_KEY"),
        Provider(
            "mistral",
            "https://api.mistral.ai/v1",
            key_env="MISTRAL_API_KEY",
            quirks=frozenset({Quirk.AUDIO_BESIDE_INPUT}),
        ),
        Provider("deepseek", "https://api.deepseek.com/v1", key_env="DEEPSEEK_API_KEY", bills_after_abort=False),
        Provider(
            "xai",
            "https://api.x.ai/v1",
            key_env="XAI_API_KEY",
            prices="x-ai",
            quirks=frozenset({Quirk.REASONING_BESIDE_OUTPUT, Quirk.CHARGES_COST_TICKS}),
            bills_after_abort=False,
        ),
        Provider(
            "google",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            key_env="GEMINI_API_KEY",
            quirks=frozenset({Quirk.OUTPUT_IS_THE_REST}),
        ),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            key_env="OPENROUTER_API_KEY",
            quirks=frozenset({Quirk.CHARGES_REPORTED_COST}),
        ),
        Provider("together", "https://api.together.xyz/v1", key_env="TOGETHER_API_KEY", bills_after_abort=False),
        Provider(
            "fireworks",
            "https://api.fireworks.ai/inference/v1",
            key_env="FIREWORKS_API_KEY",
            bills_after_abort=False,
        ),
        Provider("perplexity", "https://api.perplexity.ai", key_env="PERPLEXITY_API_KEY"),
        Provider("cerebras", "https://api.cerebras.ai/v1", key_env="CEREBRAS_API_KEY"),
        Provider("azure", "", key_env="AZURE_OPENAI_API_KEY", auth="api-key", bills_after_abort=False),
        Provider("sim", "", key="sim", bills_after_abort=False),
    )
}
"""Providers that need no more than a key. Azure needs its base URL as well; `sim` is the built-in simulator."""
