"""The shape of the configuration file, as far as it is about caching."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.cache.embedding import LEXICAL
from gateway.cache.scope import Scope
from gateway.config import fields as f
from gateway.config.section import Section


class ExactSection(Section):
    """The response cache. It serves keys and requests that ask for it."""

    ttl: f.Duration = Field(default="1h", validate_default=True, description="How long an answer is good.")
    max: f.Size = Field(default="256MiB", validate_default=True, description="How much is kept.")
    store: Literal["memory", "shared"] = Field(
        default="memory",
        description="shared keeps answers also in a file of the home, or in the Redis that `state` names: they survive "
        "a restart, and all workers or gateways give them. What was answered then lies there.",
    )


class SemanticSection(Section):
    """Answers to similar questions, for requests that ask for it."""

    errors: f.Share = Field(
        default="5%",
        validate_default=True,
        description="Of such answers so many may be wrong; else none is given.",
    )
    verify: f.Share = Field(
        default="10%", validate_default=True, description="So many are asked anyway, to see whether that holds."
    )
    max: f.Whole = Field(default=10_000, ge=1, le=1_000_000, description="How many questions are remembered.")
    embed: f.EmbeddingName = Field(
        default=LEXICAL, description="A module with a function `embed(text)`, by its dotted name."
    )


def _off_is_none(value: Any) -> Any:
    return None if value in ("off", False) else value


class CacheSection(Section):
    """Caches."""

    exact: ExactSection = Field(default_factory=ExactSection)
    scope: Scope = Field(default=Scope.KEY, description="Who shares answers: each key its own, or a user, team or org.")
    tools: bool = Field(default=False, description="Whether answers that call tools are kept and given again, too.")
    semantic: Annotated[
        SemanticSection | None,
        BeforeValidator(_off_is_none, json_schema_input_type=SemanticSection | Literal["off", False] | None),
    ] = Field(default=None, description="Answers to similar questions: off, or its settings, or {} for the defaults.")
    prompt: Literal["keep", "watch", "improve"] = Field(
        default="keep",
        description="What is done for providers' prompt caches. keep: nothing. watch: the ledger tells what breaks a "
        "prompt. improve: marks are set for Anthropic where what was measured says that they pay.",
    )
