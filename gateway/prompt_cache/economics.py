"""Whether a prefix is worth writing into a provider's cache, and for how long: decided by how often it came again.

A provider that caches on demand charges for writing (at Anthropic more for an hour than for five minutes) and little
for reading. All rates come from the price book. What was measured is played once more under each choice, and the
cheapest is taken: no model of the traffic, no threshold.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from gateway.core.price import Price, Rates
from gateway.core.usage import Usage

SOON_S = 300.0
"""How long a written prefix lives at least, counted from its last use.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching"""

LATER_S = 3600.0
"""The same for the longer of the two lives that are sold."""


class Life(StrEnum):
    """How long a prefix is to be kept."""

    NONE = "none"
    MINUTES = "5m"
    HOUR = "1h"


class Reuse(NamedTuple):
    """How much of the prompts of one kind came again, in blocks or in tokens."""

    new: int = 0  # Not seen before, or not within an hour.
    soon: int = 0  # Seen within five minutes.
    later: int = 0  # Seen within an hour.

    def also(self, more: Reuse) -> Reuse:
        """Both together."""
        return Reuse(self.new + more.new, self.soon + more.soon, self.later + more.later)


CAUTION = Reuse(new=40, soon=10)
"""In blocks (`blocks.BLOCK_BYTES`): what is assumed of a kind that nothing is known of, as if it had been measured.
Writing does not pay yet, and does after the first prompts of some length have come again."""


def bills(reuse: Reuse, rates: Rates) -> dict[Life, int]:
    """What prompts like those would have cost under each choice: pico-dollars a token, times what was measured."""
    new, soon, later = reuse
    return {
        Life.NONE: (new + soon + later) * rates.input,
        Life.MINUTES: (new + later) * rates.cache_write + soon * rates.cache_read,
        Life.HOUR: new * rates.cache_write_1h + (soon + later) * rates.cache_read,
    }


def lifetime(reuse: Reuse, rates: Rates) -> Life:
    """The cheapest choice for prompts that come again as those before did; of equals the one that writes less."""
    costs = bills(reuse, rates)
    return min(costs, key=lambda life: costs[life])


def saved_picos(price: Price, usage: Usage, service_tier: str | None = None) -> int:
    """What the cache saved on one call against no cache at all; negative where writing cost more than reading
    saved."""
    cached = usage.cache_read + usage.cache_write + usage.cache_write_1h
    plain = Usage(input=cached, requests=0)
    rates, _ = price.rates_for(usage, service_tier)
    return rates.input_cost(plain) - rates.cache_cost(usage)
