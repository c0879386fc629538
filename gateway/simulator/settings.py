"""How one simulated provider behaves unless a call asks for something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.simulator.bill import MODELS, Rates


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are milliseconds where the name says so. Raises ValueError for what makes no sense."""

    models: Mapping[str, Rates] = field(default_factory=lambda: MODELS)
    first_token_ms: float = 200.0
    tokens_per_second: float = 80.0  # 0: as fast as possible.
    jitter: float = 0.1  # Share of an interval by which a token may be late, 0 to 1.
    seed: int = 0
    output_tokens: int = 60  # Mean length of an answer; single ones are 0.5 to 1.5 times as long.
    fail_rate: float = 0.0  # Share of calls that fail with 429, 500 or 503.
    bill: Path | None = None  # JSON lines are appended here; None keeps no bill.
    abort_bills_rest: bool = False  # Bill the whole answer of an aborted call, as Bedrock, Google and others do.
    cache_min_tokens: int = 1024  # Prompts below this are not cached, as at OpenAI.
    cache_block_tokens: int = 128
    cache_blocks: int = 100_000  # How many blocks the prompt cache remembers.
    recorded: Path | None = None  # A directory of recorded answers to replay under /recorded/.

    def __post_init__(self) -> None:
        if not 0 <= self.jitter <= 1 or not 0 <= self.fail_rate <= 1:
            raise ValueError("jitter and fail_rate are shares between 0 and 1")
        if self.first_token_ms < 0 or self.tokens_per_second < 0 or self.output_tokens < 1:
            raise ValueError("times cannot be negative, and an answer has at least one token")
        if min(self.cache_min_tokens, self.cache_block_tokens, self.cache_blocks) < 1:
            raise ValueError("the prompt cache needs sizes of at least 1")
