"""What the provider charges, written down by itself: the evidence that a gateway's books are checked against."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

_PER = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens. `reasons`: the model thinks before it answers when asked to."""

    input: Decimal
    cached: Decimal
    output: Decimal
    reasons: bool = False
    written: Decimal | None = None  # Into the prompt cache, where it was told what to keep. None: as input.
    written_1h: Decimal | None = None

    def cost(self, prompt: Prompt, completion: int) -> Decimal:
        """The price of a call in USD. Exact."""
        written, written_1h = (self.input if rate is None else rate for rate in (self.written, self.written_1h))
        given = prompt.fresh * self.input + prompt.cached * self.cached
        kept = prompt.written * (written_1h if prompt.hour else written)
        return (given + kept + completion * self.output) / _PER


@dataclass(frozen=True, slots=True)
class Prompt:
    """The size of a prompt in tokens, and the parts of it that its prompt cache had already, or keeps from now on."""

    tokens: int
    cached: int = 0
    written: int = 0  # As far as that is charged for.
    hour: bool = False  # It is kept for an hour.

    @property
    def fresh(self) -> int:
        """Tokens at the plain price."""
        return self.tokens - self.cached - self.written


def _rates(text: str) -> Rates:
    """From a line: input, cached, output, written for five minutes and for an hour. Without the last two, as input."""
    given, cached, output, *written = map(Decimal, text.split())
    return Rates(given, cached, output, True, *written)


OWN: Mapping[str, Rates] = {
    "sim-large": _rates("2.50 1.25 10.00"),
    "sim-medium": Rates(Decimal("0.50"), Decimal("0.125"), Decimal("2.00")),
    "sim-small": Rates(Decimal("0.10"), Decimal("0.025"), Decimal("0.40")),
    "sim-caching": _rates("3.00 0.30 15.00 3.75 6.00"),
    "sim-embed": Rates(Decimal("0.02"), Decimal("0.02"), Decimal(0)),
}
"""Invented models, and invented prices."""

NAMESAKES: Mapping[str, Rates] = {
    "gpt-5": _rates("1.25 0.125 10.00"),
    "gpt-5-mini": _rates("0.25 0.025 2.00"),
    "claude-opus-4-6": _rates("5.00 0.50 25.00 6.25 10.00"),
    "claude-sonnet-4-6": _rates("3.00 0.30 15.00 3.75 6.00"),
    "claude-haiku-4-5": _rates("1.00 0.10 5.00 1.25 2.00"),
    "gemini-2.5-flash": _rates("0.30 0.03 2.50"),
    "gemini-3-flash-preview": _rates("0.50 0.05 3.00"),
    "us.anthropic.claude-sonnet-4-6": _rates("3.30 0.33 16.50 4.125 6.60"),
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": _rates("1.10 0.11 5.50 1.375 2.20"),
}
"""By the names of real models, because what can be carried to a model depends on which it is. List prices of 2026-11:
https://openai.com/api/pricing, https://claude.com/pricing, https://ai.google.dev/gemini-api/docs/pricing and
https://aws.amazon.com/bedrock/pricing."""

MODELS: Mapping[str, Rates] = {**OWN, **NAMESAKES}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, as far as the headers say: the experiment's own tag and the gateway's request."""

    tag: str | None = None
    gateway_request_id: str | None = None


@dataclass(slots=True)
class Tab:
    """What one call has cost so far. It closes once; the first reason counts."""

    id: str
    model: str
    rates: Rates
    prompt: Prompt
    whole_answer: int  # Tokens of the answer if nothing comes between.
    caller: Caller
    completion_tokens: int = 0
    _bill: Bill = field(default_factory=lambda: Bill(None), repr=False)
    _closed: bool = False

    def close(self, ended: str) -> None:
        """Write the line. Call it before the last byte is sent, so that who has the answer finds it billed."""
        if self._closed:
            return
        self._closed = True
        if ended == "complete" or (ended == "aborted" and self._bill.aborts_bill_rest):
            self.completion_tokens = self.whole_answer
        self._bill.write(self.line(ended))

    def line(self, ended: str) -> dict[str, object]:
        """The call as the bill shows it."""
        cost = self.rates.cost(self.prompt, self.completion_tokens)
        return {
            "id": self.id,
            "at": round(time.time(), 6),
            "model": self.model,
            "prompt_tokens": self.prompt.tokens,
            "cached_tokens": self.prompt.cached,
            "written_tokens": self.prompt.written,
            "completion_tokens": self.completion_tokens,
            "cost_usd": f"{cost:f}",
            "ended": ended,
            "caller": self.caller.tag,
            "gateway_request_id": self.caller.gateway_request_id,
        }


class Bill:
    """An append-only file of JSON lines, one `write(2)` each, so that a kill loses none. None: no file."""

    def __init__(self, path: Path | None, *, aborts_bill_rest: bool = False) -> None:
        self.aborts_bill_rest = aborts_bill_rest
        self._file = None if path is None else os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)

    @contextmanager
    def tab(  # noqa: PLR0917 - the columns of the bill
        self, call_id: str, model: str, rates: Rates, prompt: Prompt, whole_answer: int, caller: Caller
    ) -> Iterator[Tab]:
        """A tab that is closed however the call ends: by its own word, else as aborted."""
        tab = Tab(call_id, model, rates, prompt, whole_answer, caller, _bill=self)
        try:
            yield tab
        finally:
            tab.close("aborted")

    def write(self, line: dict[str, object]) -> None:
        """Append one line."""
        if self._file is not None:
            os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
