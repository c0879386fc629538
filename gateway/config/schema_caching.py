"""The shape of what is said of caches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config import fields as f
from gateway.config.section import Section


class ExactSection(Section):
    """The response cache. It serves keys and requests that ask for it."""

    ttl: f.Duration = Field(default="1h", validate_default=True, description="How long an answer is good.")
    max: f.Size = Field(default="256MiB", validate_default=True, description="How much is kept.")


class CacheSection(Section):
    """Caches."""

    exact: ExactSection = Field(default_factory=ExactSection)
    prompt: Literal["keep", "watch", "improve"] = Field(
        default="keep",
        description="What is done for providers' prompt caches. keep: nothing. watch: the ledger tells what breaks a "
        "prompt. improve: marks are set for Anthropic where what was measured says that they pay.",
    )
