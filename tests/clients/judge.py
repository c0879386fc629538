"""Whether a cell is as it must be: by the provider's bill, the ledger and the wire. The client's word counts for what
only it can know: the text, the class of its exception, its exit status."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from features import Feature
from playing import Cell, Played
from road import billed, spent
from stage import Evidence

KEPT_BACK_TOKENS = 16  # A stream that ends early is booked with so many for what may be on its way (docs/money.md).
ON_THE_WAY_TOKENS_MAX = 8  # What may really have been: made and not yet counted, or counted otherwise.


def faults(cell: Cell, played: Played) -> list[str]:
    """What is wrong, in words; empty if nothing is."""
    feature, said, seen = cell.feature, played.said, played.seen
    found = [*_books(feature, seen)]
    wanted = cell.client.errors.get(feature.name)
    if wanted is None:
        found += [*_answer(feature, said, seen)]
    elif wanted != said.get("error"):
        found.append(f"it should fail with {wanted}: {said}")
    if feature.refused:
        found += [*_refusal(cell, seen)]
    return found


def _books(feature: Feature, seen: Evidence) -> Iterator[str]:
    ended = [line["ended"] for line in seen.bill]
    outcomes = [line["outcome"] for line in seen.entries]
    if ended != [feature.ended] * feature.calls:
        yield f"the provider's bill has {ended} instead of {feature.calls} × {feature.ended}"
    if outcomes != [feature.outcome] * feature.calls:
        yield f"the ledger has {outcomes} instead of {feature.calls} × {feature.outcome}"
    if feature.ended == "complete" and spent(seen.entries) != billed(seen.bill):
        yield f"the ledger says ${spent(seen.entries)} and the bill ${billed(seen.bill)}"
    if feature.ended != "complete":
        yield from _estimate(seen)
    if Decimal(seen.held):
        yield f"${seen.held} is still held"


def _estimate(seen: Evidence) -> Iterator[str]:
    """An end before its time: the usage was never told. What came is counted; what went is known by a bound alone."""
    for line, billed_line in zip(seen.entries, seen.bill, strict=False):
        made, counted = billed_line["completion_tokens"], line["entry"]["usage"]["output"]
        if not -ON_THE_WAY_TOKENS_MAX <= counted - made <= KEPT_BACK_TOKENS + ON_THE_WAY_TOKENS_MAX:
            yield f"{made} tokens were billed as output, and {counted} booked"
        if line["entry"]["usage"]["input"] < billed_line["prompt_tokens"]:
            yield f"{line['entry']['usage']} is less than was billed for what was asked"


def _answer(feature: Feature, said: dict, seen: Evidence) -> Iterator[str]:
    if "error" in said:
        yield f"it failed: {said}"
        return
    if "pieces" in said and said["pieces"] < 2:
        yield "nothing was streamed"
    if feature.action == "tools" and not said["tool"].get("city"):
        yield f"the tool was called with {said['tool']}"
    if feature.action == "cancel" or not seen.bill:
        return
    made = seen.bill[-1]["completion_tokens"]
    if len(said["text"].split()) != made:
        yield f"{made} words were billed, and it has {said['text']!r}"
    if said.get("output_tokens", made) != made:
        yield f"{made} tokens were billed, and it was told {said['output_tokens']}"


def _refusal(cell: Cell, seen: Evidence) -> Iterator[str]:
    status = cell.feature.refused
    asked = [one for one in seen.requests if one.method == "POST" and not one.path.endswith("/count_tokens")]
    times = 1 + (cell.client.insists if status == 429 else 0)
    if [one.status for one in asked] != [status] * times:
        yield f"{times} × refused with {status} was expected: {asked}"
