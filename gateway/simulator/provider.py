"""What a simulated provider remembers between calls, and what it decides before it answers."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.simulator.bill import Bill, Caller, Rates
from gateway.simulator.bodies import Chat
from gateway.simulator.errors import RefusedError
from gateway.simulator.faults import Orders
from gateway.simulator.pace import Pace
from gateway.simulator.prefixes import Prefixes, chain
from gateway.simulator.settings import Settings
from gateway.tokens import Tokens, bpe
from gateway.tokens.families import O200K

TRIES_REMEMBERED = 10_000
_FAILURES = (429, 500, 503)
_COUNT_PATIENCE_S = 60.0  # Its counts are the truth that others are measured by, so it waits for them.


@dataclass(frozen=True, slots=True)
class Prompt:
    """The size of a prompt in tokens, and how much of its beginning was seen before."""

    tokens: int
    cached: int = 0


class Provider:
    """The state behind one simulated API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tokens = Tokens(timeout_s=_COUNT_PATIENCE_S)
        self.bill = Bill(settings.bill, aborts_bill_rest=settings.abort_bills_rest)
        self._prefixes = Prefixes(settings.cache_blocks)
        self._failures = random.Random(settings.seed)  # noqa: S311 - chance, not secrecy
        self._tries: OrderedDict[str, int] = OrderedDict()

    def close(self) -> None:
        """Give back threads and the file."""
        self.tokens.close()
        self.bill.close()

    def rates(self, model: str) -> Rates:
        """The price of a model. Raises RefusedError (404) for one that is not offered."""
        if model not in self.settings.models:
            raise RefusedError(404, f"The model `{model}` does not exist.", code="model_not_found", param="model")
        return self.settings.models[model]

    def maybe_fail(self, orders: Orders, text: str) -> None:
        """Raise RefusedError if the call is to fail: because it asks for it, or by chance."""
        if orders.fail_first is not None:
            if self._tried(text) <= orders.fail_first:
                raise _failure(orders.fail or 503, orders)
        elif orders.fail is not None:
            raise _failure(orders.fail, orders)
        if self.settings.fail_rate and self._failures.random() < self.settings.fail_rate:
            raise _failure(self._failures.choice(_FAILURES), orders)

    async def measure(self, chat: Chat) -> Prompt:
        """Count a prompt, and find and remember its beginning in the prompt cache."""
        tokens = await self.tokens.count(chat.countable, chat.model)
        if tokens < self.settings.cache_min_tokens:
            return Prompt(tokens)
        blocks = await asyncio.to_thread(self._blocks, chat)
        cached = min(tokens, self._prefixes.visit(blocks) * self.settings.cache_block_tokens)
        return Prompt(tokens, cached if cached >= self.settings.cache_min_tokens else 0)

    def chance(self, chat: Chat, orders: Orders) -> random.Random:
        """The randomness of one answer: the same call gets the same answer."""
        seed = orders.seed if orders.seed is not None else chat.seed
        return random.Random(f"{self.settings.seed} {seed} {chat.model} {chat.last_said}")  # noqa: S311 - the same

    def pace(self, orders: Orders, chance: random.Random) -> Pace:
        """How fast this call's tokens come, from now."""
        first_ms = self.settings.first_token_ms if orders.ttft is None else orders.ttft
        rate = self.settings.tokens_per_second if orders.tps is None else orders.tps
        return Pace(first_ms / 1000, 1 / rate if rate else 0.0, self.settings.jitter, chance)

    def _blocks(self, chat: Chat) -> list[bytes]:
        tokens = bpe.ids(chat.rendered, bpe.encoding(O200K))
        return chain(tokens, self.settings.cache_block_tokens, chat.model)

    def _tried(self, text: str) -> int:
        tries = self._tries.pop(text, 0) + 1
        self._tries[text] = tries
        if len(self._tries) > TRIES_REMEMBERED:
            self._tries.popitem(last=False)
        return tries


def caller(headers: Mapping[str, str]) -> Caller:
    """Who calls, from the headers."""
    return Caller(headers.get("x-sim-tag"), headers.get("x-fareway-request-id"))


def _failure(status: int, orders: Orders) -> RefusedError:
    code = "rate_limit_exceeded" if status == 429 else None
    return RefusedError(status, f"The simulator was told to fail with {status}.", code, retry_after=orders.retry_after)
