"""What would have made real calls cheaper, in dollars: from the ledger's counters, at the prices of the calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import SEPARATOR, STANDARD_TIERS, Price, Rates
from gateway.planning.amounts import summed
from gateway.planning.traffic import Call, calls, grouped

CACHE_S = 300
"""How long providers remember a prompt at least (https://docs.claude.com/en/docs/build-with-claude/prompt-caching)."""
CACHE_TOKENS_MIN = 1024
"""Shorter prompts are not remembered."""
WAITING_TIERS = ("flex", "batch")

Prices = Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Saving:
    """One thing to do about one model."""

    what: str
    provider: str
    model: str
    calls: int  # That it concerns.
    spent: Money  # On these calls.
    saved: Money  # If it had been done. What is already saved is told apart, by `done`.
    how: str
    done: bool = False


def savings(entries: Iterable[Entry], prices: Prices) -> list[Saving]:
    """All that is found, the largest first; what is done already at the end."""
    kept = list(entries)
    made = calls(kept)
    found = [saving for way in (_remembered, _waited, _smaller, _wasted) for saving in way(made, prices)]
    found += _answered_before(kept)
    return sorted((one for one in found if one.saved.picos > 0), key=lambda one: (one.done, -one.saved.picos))


def _remembered(made: Sequence[Call], prices: Prices) -> Iterator[Saving]:
    """Prompt caching: in a conversation, the prompt before is the beginning of the next one."""
    for (provider, model), group in _by_model(made):
        amounts = [
            (call, amount)
            for session in grouped(group, lambda call: (call.caller.key_id, call.session)).values()
            if session[0].session
            for call, amount in _readable(sorted(session, key=lambda call: call.at), prices)
        ]
        how = "mark the conversation's beginning for the provider's prompt cache"
        yield _saving("prompt caching", provider, model, amounts, how)


def _readable(session: Sequence[Call], prices: Prices) -> Iterator[tuple[Call, Money]]:
    """What reading the prompt of the call before would have saved, less what writing the rest would have cost."""
    for before, call in pairwise(session):
        known, asked = before.usage.input_total, call.usage.input_total
        if call.at - before.at > CACHE_S or not CACHE_TOKENS_MIN <= known <= asked:
            continue
        rates = _rates(call, prices)
        again = min(known - call.usage.cache_read, call.usage.input)
        if rates is None or again <= 0:
            continue
        written = max(0, call.usage.input - again)
        dearer = max(0, rates.cache_write - rates.input)
        yield call, Money(again * (rates.input - rates.cache_read) - written * dearer)


def _waited(made: Sequence[Call], prices: Prices) -> Iterator[Saving]:
    """Flex and batch: calls that nobody watched, at the tier that may take longer."""
    patient = [call for call in made if not call.stream and call.service_tier in STANDARD_TIERS]
    for (provider, model), group in _by_model(patient):
        for tier in WAITING_TIERS:
            amounts = []
            for call in group:
                price = _price(call, prices)
                if price is not None and tier in price.tiers:
                    amounts.append((call, call.cost.known - price.of(call.usage, tier).known))
            how = f"those of the calls without a stream that may wait, at the {tier} tier"
            yield _saving(tier, provider, model, amounts, how)


def _smaller(made: Sequence[Call], prices: Prices) -> Iterator[Saving]:
    """The same tokens at the next cheaper model in use. Whether it would have done is for a test to say."""
    groups = _by_model([call for call in made if _price(call, prices) is not None and not call.selfhosted])
    for (provider, model), group in groups:
        best: Saving | None = None
        for (other_provider, other), others in groups:
            price = _price(max(others, key=lambda call: call.at), prices)
            assert price is not None, "calls without a price were left out"
            amounts = [(call, call.cost.known - price.of(call.usage).known) for call in group]
            one = _saving("smaller model", provider, model, amounts, f"the same tokens at {other_provider}/{other}")
            if one.saved.picos > 0 and (best is None or one.saved < best.saved):
                best = one
        if best is not None:
            yield best


def _wasted(made: Sequence[Call], _: Prices) -> Iterator[Saving]:
    """Answers that nobody got to the end of."""
    unread = {Outcome.HUNG_UP: "the caller left before the end", Outcome.CUT: "the provider's stream broke off"}
    for outcome, how in unread.items():
        for (provider, model), group in _by_model([call for call in made if call.outcome is outcome]):
            yield _saving("answers not read", provider, model, [(call, call.cost.known) for call in group], how)


def _answered_before(entries: Sequence[Entry]) -> Iterator[Saving]:
    """The response cache, by what it has saved so far."""
    for (provider, model), group in _by_model(entries):
        hits = [entry for entry in group if entry.outcome is Outcome.CACHED]
        amounts = [(entry, Money.of_nanos(entry.saved_nanos)) for entry in hits]
        asked = sum(entry.outcome is not Outcome.ADJUSTED for entry in group)
        how = f"{len(hits)} of {asked} answers came from the cache"
        yield _saving("response cache", provider, model, amounts, how, done=True)


def _by_model(made: Iterable[Entry]) -> list[tuple[tuple[str, str], list[Entry]]]:
    return list(grouped(made, lambda call: (call.provider, call.model)).items())


def _saving(
    what: str, provider: str, model: str, amounts: Sequence[tuple[Entry, Money]], how: str, *, done: bool = False
) -> Saving:
    spent = summed(call.cost.known for call, _ in amounts)
    return Saving(what, provider, model, len(amounts), spent, summed(saved for _, saved in amounts), how, done)


def _price(call: Call, prices: Prices) -> Price | None:
    """The one price that the call was booked at; None where there are several or none."""
    name = call.cost.price_id
    return prices.get(name) if name is not None and SEPARATOR not in name and call.cost.total is not None else None


def _rates(call: Call, prices: Prices) -> Rates | None:
    price = _price(call, prices)
    return price.rates_for(call.usage, call.service_tier)[0] if price is not None else None
