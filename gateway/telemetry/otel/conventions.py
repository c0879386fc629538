"""What an entry is called in OpenTelemetry: the GenAI conventions, by version.

The older ones are those of v1.36.0
(https://github.com/open-telemetry/semantic-conventions/blob/v1.36.0/docs/gen-ai/README.md), the newest those of
https://github.com/open-telemetry/semantic-conventions-genai, which are in development. Which of them is meant is said
by OTEL_SEMCONV_STABILITY_OPT_IN, as those documents ask for, or by the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.core.entry import Entry, Outcome
from gateway.core.usage import Usage

Attributes = dict[str, str | int | float | bool]

OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
OPTED_IN = "gen_ai_latest_experimental"


class Conventions(StrEnum):
    """A version."""

    V1_36 = "v1.36"
    LATEST = "latest"


def opted(environ: Mapping[str, str]) -> Conventions:
    """The version that the environment asks for."""
    chosen = [word.strip() for word in environ.get(OPT_IN, "").split(",")]
    return Conventions.LATEST if OPTED_IN in chosen else Conventions.V1_36


TOKEN_BUCKETS = [4**power for power in range(14)]
SECONDS_BUCKETS = [0.01 * 2**power for power in range(14)]
"""As the conventions ask for."""

_OPERATIONS = {
    "gemini": "generate_content",
    "openai-completions": "text_completion",
    "openai-embeddings": "embeddings",
    "gemini-embeddings": "embeddings",
    "openai-images": "generate_content",
    "openai-speech": "generate_content",
    "openai-transcriptions": "generate_content",
    "cohere-rerank": "rerank",
}
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Ours, and theirs where it is another one."""

_OLDER = {"x_ai": "xai"}

_BROKEN = {
    Outcome.HUNG_UP: "hung_up",
    Outcome.CUT: "cut",
    Outcome.FAILED: "lost",
    Outcome.STOPPED: "stopped",
    Outcome.UNRESOLVED: "unresolved",
}
"""How an attempt ended that did not come to its end, as error.type."""


def operation(entry: Entry) -> str:
    """The name of what was asked."""
    return _OPERATIONS.get(entry.shape.dialect, "chat")


def span_name(entry: Entry) -> str:
    """As the conventions want it: of few values."""
    return f"{operation(entry)} {entry.model}".strip()


def error_type(entry: Entry) -> str | None:
    """What went wrong, where something did."""
    return _BROKEN.get(entry.outcome)


def plain(entry: Entry, version: Conventions) -> Attributes:
    """What spans and metrics have in common."""
    provider = _PROVIDERS.get(entry.provider, entry.provider)
    named: Attributes = {"gen_ai.operation.name": operation(entry), "gen_ai.request.model": entry.model}
    if version is Conventions.LATEST:
        named["gen_ai.provider.name"] = provider
    else:
        named["gen_ai.system"] = _OLDER.get(provider, provider)
    if entry.outcome is Outcome.OK:
        named["gen_ai.response.model"] = entry.served_model
    if (wrong := error_type(entry)) is not None:
        named["error.type"] = wrong
    return named


def attributes(entry: Entry, version: Conventions) -> Attributes:
    """Everything that a span says of its attempt. Not a word of what was asked or answered."""
    found = plain(entry, version) | _usage(entry.usage, version) | _money(entry)
    if entry.shape.output_max is not None:
        found["gen_ai.request.max_tokens"] = entry.shape.output_max
    if entry.shape.choices != 1:
        found["gen_ai.request.choice.count"] = entry.shape.choices
    if entry.answer_id:
        found["gen_ai.response.id"] = entry.answer_id
    if version is Conventions.LATEST:
        found["gen_ai.request.stream"] = entry.stream
        if entry.first_token_ms is not None:
            found["gen_ai.response.time_to_first_chunk"] = entry.first_token_ms / 1000
        if entry.session:
            found["gen_ai.conversation.id"] = entry.session
    return found


def _usage(usage: Usage, version: Conventions) -> Attributes:
    if not usage.final and not usage.tokens:
        return {}
    counted: Attributes = {
        "gen_ai.usage.input_tokens": usage.input_total,
        "gen_ai.usage.output_tokens": usage.output_total,
    }
    if version is Conventions.LATEST:
        written = usage.cache_write + usage.cache_write_1h + usage.cache_write_12h
        counted["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read
        counted["gen_ai.usage.cache_creation.input_tokens"] = written
        counted["gen_ai.usage.reasoning.output_tokens"] = usage.output_reasoning
    return counted


def _money(entry: Entry) -> Attributes:
    """What it cost: whole nano-dollars, and the very amount as a decimal. Without a price there is neither."""
    found: Attributes = {
        "fareway.request_id": entry.request_id,
        "fareway.entry_id": entry.id,
        "fareway.outcome": entry.outcome,
        "fareway.deployment": entry.deployment,
        "fareway.tier": entry.tier,
        "fareway.team": entry.caller.team,
        "fareway.route.reason": entry.reason,
        "fareway.cost.status": entry.cost.status,
        "fareway.cost.held_nano_usd": entry.held_nanos,
    }
    if entry.cost.total is not None:
        found["fareway.cost.nano_usd"] = entry.cost.total.nanos_up
        found["fareway.cost.usd"] = entry.cost.total.decimal
        found["fareway.price_id"] = entry.cost.price_id or ""
    return {name: value for name, value in found.items() if value != ""}
