"""What calls have used and cost, one tally for each set of team, provider, model and tier; whole numbers only.

A call adds to one tally. The families of /metrics are made of all of them when somebody looks. Prometheus takes a
counter that falls for one that began anew: so what corrections give back is counted for itself, and what was spent is
the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.money import PICOS_PER_DOLLAR
from gateway.core.usage import Usage
from gateway.telemetry.places import MODELS_MAX, OTHER, TALLIES_MAX, TEAMS_MAX, UNPRICED_MODELS_MAX, Places

Labels = tuple[str, ...]

NANOS_PER_DOLLAR = 10**9
PICOS_PER_NANO = 1000

_SPENT_BY = ("team", "provider", "model", "tier")

FAMILIES: dict[str, tuple[str, Labels]] = {
    "ml_inference_cost_dollars": ("What calls have cost, cumulative.", ("model", "deployment", "tier")),
    "ml_inference_requests": ("Calls that ended, by model.", ("model", "deployment")),
    "ml_inference_tokens": ("Tokens, by model and direction.", ("model", "direction")),
    "fareway_tokens": ("Tokens, by the class that they are priced in.", ("provider", "class")),
    "fareway_spend_dollars": ("What calls were charged.", _SPENT_BY),
    "fareway_credit_dollars": ("What corrections gave back of that.", _SPENT_BY),
    "fareway_unpriced": ("Calls whose cost nobody knows.", ("model",)),
    "fareway_cost_saved_dollars": ("What calls would have cost more.", ("cause",)),
    "fareway_cost_added_dollars": ("What calls would have cost less.", ("cause",)),
}

_RARE = (
    "cache_write",
    "cache_write_1h",
    "cache_write_12h",
    "input_audio",
    "cache_read_audio",
    "input_image",
    "cache_read_image",
    "input_video",
    "input_tool",
    "output_audio",
    "output_image",
)
TOKEN_CLASSES = ("input", "cache_read", "output", "output_reasoning", *_RARE)
"""The counters of a usage that never overlap: together they are all tokens."""

_UNCACHED_MEDIA = ("input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video", "input_tool")


class Tally:
    """Of one set of labels. Money is in pico-dollars."""

    __slots__ = ("calls", "credited", "labels", "picos", "priceless", "rare", "text", "unpriced", "where")

    def __init__(self, labels: Labels, where: str, *, priceless: bool) -> None:
        self.labels = labels  # Team, provider, model, tier.
        self.where = where
        self.priceless = priceless  # What it has is of no known cost.
        self.calls = self.unpriced = self.picos = self.credited = 0
        self.text = [0, 0, 0, 0]  # The first four of TOKEN_CLASSES.
        self.rare: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        """What one entry says, which is no answer from a cache."""
        cost, usage, text = entry.cost.total, entry.usage, self.text
        if cost is None:
            self.unpriced += entry.outcome not in NO_CALLS
        elif cost.picos >= 0:
            self.picos += cost.picos
        else:
            self.credited -= cost.picos
        text[0] += usage.input
        text[1] += usage.cache_read
        text[2] += usage.output
        text[3] += usage.output_reasoning
        if usage.tokens != usage.input + usage.cache_read + usage.output + usage.output_reasoning:
            self.rare.update({name: count for name in _RARE if (count := getattr(usage, name))})

    @property
    def by_class(self) -> dict[str, int]:
        """Tokens, where there are any."""
        common = dict(zip(TOKEN_CLASSES, self.text, strict=False))
        return {name: count for name, count in {**common, **self.rare}.items() if count}


class Tallies:
    """All tallies, of which there are not more than places."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str, str, bool, bool], Tally] = {}
        self._teams = Places(TEAMS_MAX)
        self._priced = Places(MODELS_MAX)
        self._unpriced = Places(UNPRICED_MODELS_MAX)
        self._saved: Counter[str] = Counter()  # Pico-dollars, by cause.
        self._added: Counter[str] = Counter()

    def booked(self, entry: Entry) -> None:
        """Everything that an entry says of tokens and money."""
        tally, outcome = self._of(entry), entry.outcome
        if outcome is Outcome.OK or outcome not in NO_CALLS:
            tally.calls += 1
        if outcome is Outcome.CACHED:
            self._saved["cache"] += entry.saved_nanos * PICOS_PER_NANO
            return
        if entry.saved_nanos:
            self._saved["deadline"] += entry.saved_nanos * PICOS_PER_NANO
        tally.add(entry)
        if entry.cost.cache.picos and outcome not in NO_CALLS and not entry.parts:
            self._add_cached(entry.usage, entry.cost.input.picos, entry.cost.cache.picos)

    def _of(self, entry: Entry) -> Tally:
        priceless = entry.cost.total is None
        name = entry.caller.team, entry.provider, entry.model, entry.tier, entry.selfhosted, priceless
        return self._tallies.get(name) or self._begun(name)

    def _begun(self, name: tuple[str, str, str, str, bool, bool]) -> Tally:
        team, provider, model, tier, selfhosted, priceless = name
        team = self._teams.of(team)
        model = (self._unpriced if priceless else self._priced).of(model)
        if len(self._tallies) >= TALLIES_MAX:
            team = model = OTHER
        known = team, provider, model, tier, selfhosted, priceless
        labels, where = (team, provider, model, tier), "selfhosted" if selfhosted else "api"
        return self._tallies.setdefault(known, Tally(labels, where, priceless=priceless))

    def _add_cached(self, usage: Usage, input_picos: int, cache_picos: int) -> None:
        """What the provider's prompt cache was worth, where the entry alone tells the rate of uncached input."""
        if not usage.input or any(getattr(usage, name) for name in _UNCACHED_MEDIA):
            return
        cached, rate = usage.input_total - usage.input, input_picos // usage.input
        worth = cached * rate - cache_picos
        if worth >= 0:
            self._saved["prompt_cache"] += worth
        else:
            self._added["prompt_cache"] -= worth

    def families(self) -> Iterator[Metric]:
        """For exposition."""
        sums: dict[str, Counter[Labels]] = {name: Counter() for name in FAMILIES}
        for tally in self._tallies.values():
            _sum(tally, sums)
        for cause, picos in self._saved.items():
            sums["fareway_cost_saved_dollars"][cause,] = picos
        for cause, picos in self._added.items():
            sums["fareway_cost_added_dollars"][cause,] = picos
        for name, (help_text, labels) in FAMILIES.items():
            kind = GaugeMetricFamily if name == "ml_inference_cost_dollars" else CounterMetricFamily
            family, unit = kind(name, help_text, labels=labels), PICOS_PER_DOLLAR if name.endswith("dollars") else 1
            for values, figure in sums[name].items():
                family.add_metric(values, figure / unit)
            yield family


def _sum(tally: Tally, sums: dict[str, Counter[Labels]]) -> None:
    _, provider, model, tier = tally.labels
    if tally.calls:
        sums["ml_inference_requests"][model, tally.where] += tally.calls
    if tally.picos:
        sums["fareway_spend_dollars"][tally.labels] += tally.picos
    if tally.credited:
        sums["fareway_credit_dollars"][tally.labels] += tally.credited
    if tally.unpriced:
        sums["fareway_unpriced"][model,] += tally.unpriced
    if not tally.priceless and (tally.text != [0, 0, 0, 0] or tally.rare or tally.picos):
        sums["ml_inference_cost_dollars"][model, tally.where, tier] += tally.picos - tally.credited
    by_class = tally.by_class
    for name, count in by_class.items():
        sums["fareway_tokens"][provider, name] += count
        direction = "output" if name.startswith("output") else "input"
        sums["ml_inference_tokens"][model, direction] += count
