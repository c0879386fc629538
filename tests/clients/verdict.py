"""Whether a cell is as it must be: by the provider's bill, the ledger and the wire. The client's word counts for what
only it can know: the text, the class of its exception, its exit status."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from playing import Cell, Played
from road import PICOS
from stage import Evidence

KEPT_BACK_TOKENS = 16  # A stream that ends early is booked with so many for what may be on its way (docs/money.md).
ON_THE_WAY_TOKENS_MAX = 8  # What may really have been: made and not yet counted, or counted otherwise.
RESULT = "Sunny."  # What tools say. The simulated model repeats it.


def faults(cell: Cell, played: Played) -> list[str]:
    """What is wrong, in words; empty if nothing is."""
    feature, said, seen = cell.feature, played.said, played.seen
    found = [*_books(cell, seen)]
    wanted = cell.client.failure(feature.name, cell.deployment)
    if wanted is None or (cell.client.asks_again and feature.outcome == "cut"):
        found += [*_answer(cell, said, seen)]
    elif wanted != said.get("error"):
        found.append(f"it should fail with {wanted}: {said}")
    if feature.refused:
        found += [*_refusal(cell, seen)]
    return found


def endings(cell: Cell) -> list[tuple[str, str]]:
    """How each call ends in the provider's bill, and in the ledger."""
    feature = cell.feature
    again = [("complete", "ok")] if cell.client.asks_again and feature.outcome == "cut" else []
    return [(feature.ended, feature.outcome)] * feature.calls + again


def _books(cell: Cell, seen: Evidence) -> Iterator[str]:
    wanted = [ended for ended, _ in endings(cell)], [outcome for _, outcome in endings(cell)]
    found = [line["ended"] for line in seen.bill], [line["outcome"] for line in seen.entries]
    if found != wanted:
        yield f"bill and ledger should have {wanted}: {found}"
        return
    for billed, booked in zip(seen.bill, seen.entries, strict=True):
        yield from _cost(billed, booked)
    if Decimal(seen.held):
        yield f"${seen.held} is still held"


def _cost(billed: dict, booked: dict) -> Iterator[str]:
    """Exact where the usage was told. Of what ended before its time, what came is counted; where the model may have
    thought unseen, all that was held is booked."""
    status, usage = booked["entry"]["cost"]["status"], booked["entry"]["usage"]
    paid, cost = Decimal(booked["cost_picos"]) / PICOS, Decimal(billed["cost_usd"])
    above = usage["output"] - billed["completion_tokens"]
    # Words of Claude's and Gemini's are counted by a bound: theirs is not our vocabulary.
    most = KEPT_BACK_TOKENS + ON_THE_WAY_TOKENS_MAX + billed["completion_tokens"] // 2
    if status == "estimated" and not -ON_THE_WAY_TOKENS_MAX <= above <= most:
        yield f"{above} tokens more are booked than were billed"
    if billed["ended"] == "complete" and (status, paid) != ("exact", cost):
        yield f"${paid} is booked, {status}, and ${cost} billed"
    if status == "uncertain" and paid < cost:
        yield f"${paid} is booked, and ${cost} billed"


def _answer(cell: Cell, said: dict, seen: Evidence) -> Iterator[str]:
    feature = cell.feature
    if "error" in said:
        yield f"it failed: {said}"
        return
    if said.get("pieces", 2) < 2 and feature.outcome == "ok":
        yield "nothing was streamed"
    if feature.action == "tools" and not (said.get("tool") and RESULT in said["text"]):
        yield f"the tool's result has not come back: {said}"
    if feature.action in {"tools", "cancel"} or not seen.bill:
        return
    made, words = seen.bill[-1]["completion_tokens"], len(said["text"].split())
    # Agents let the model think, which is billed as well.
    if words != made and not (cell.client.kind == "agent" and 0 < words < made):
        yield f"{made} words were billed, and it has {said['text']!r}"
    if said.get("output_tokens", made) != made:
        yield f"{made} tokens were billed, and it was told {said['output_tokens']}"


def _refusal(cell: Cell, seen: Evidence) -> Iterator[str]:
    status = cell.feature.refused
    asked = [one for one in seen.requests if one.method == "POST" and not one.path.endswith("/count_tokens")]
    times = 1 + (cell.client.insists if status == 429 else 0)
    if [one.status for one in asked] != [status] * times:
        yield f"{times} × refused with {status} was expected: {asked}"
