"""What a simulated provider remembers between calls, and what it decides before it answers."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from gateway.simulator.asked import Asked
from gateway.simulator.bill import Bill, Caller, Prompt, Rates
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

    async def measure(self, asked: Asked) -> Prompt:
        """Count a prompt, and find and remember its beginning in the prompt cache."""
        least, size = self.settings.cache_min_tokens, self.settings.cache_block_tokens
        tokens = await self.tokens.count(asked.countable, asked.model)
        if tokens < least or asked.caching.parts == 0:
            return Prompt(tokens)
        blocks = await asyncio.to_thread(self._blocks, asked)
        kept = min(tokens, len(blocks) * size)
        cached = min(kept, self._prefixes.visit(blocks) * size)
        cached = cached if cached >= least else 0
        charged = asked.caching.parts is not None and kept >= least
        return Prompt(tokens, cached, kept - cached if charged else 0, asked.caching.hour)

    def chance(self, asked: Asked, orders: Orders) -> random.Random:
        """The randomness of one answer: the same call gets the same answer."""
        seed = orders.seed if orders.seed is not None else asked.seed
        return random.Random(f"{self.settings.seed} {seed} {asked.model} {asked.orders}")  # noqa: S311 - the same

    def pace(self, orders: Orders, chance: random.Random) -> Pace:
        """How fast this call's tokens come, from now."""
        first_ms = self.settings.first_token_ms if orders.ttft is None else orders.ttft
        rate = self.settings.tokens_per_second if orders.tps is None else orders.tps
        return Pace(first_ms / 1000, 1 / rate if rate else 0.0, self.settings.jitter, chance)

    def _blocks(self, asked: Asked) -> list[bytes]:
        rendered = "".join(msgspec.json.encode(part).decode() for part in asked.prompt[: asked.caching.parts])
        tokens = bpe.ids(rendered, bpe.encoding(O200K))
        return chain(tokens, self.settings.cache_block_tokens, asked.model)

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
