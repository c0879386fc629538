"""Where the prompt is warm, as long as nobody waits long for it: for engines of one's own."""

from __future__ import annotations

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies.parts import cost, dollars, toss, usable

READS = (Signal.WARMTH,)

READING_WEIGHT = 3.0
"""How many seconds of waiting a second of reading is worth. Who waits loses that time alone. What is read anew is
waited for by all that come behind it, too, and takes the room of what others come back for."""

PATIENCE_MS = 2_000.0
"""An engine that lets a call wait for longer gives it to whoever else is there, for money or not."""

STEP_MS = 20.0
"""Times that differ by less are the same: then whoever was given the least lately is asked."""


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Own engines by the wait and three times what is to be read there; behind them others by cost, what is warm there
    included; then own engines that are crowded. `params: {reading: 3, patience_ms: 2000}`."""
    reading = float(context.params.get("reading", READING_WEIGHT))
    patience_ms = float(context.params.get("patience_ms", PATIENCE_MS))

    def rank(candidate: Candidate) -> tuple[int, int, int, object, float, str]:
        group, steps = 1, 0
        if candidate.prefill_ms is not None:
            group = 2 if candidate.wait_ms > patience_ms else 0
            steps = round((candidate.wait_ms + reading * candidate.prefill_ms) / STEP_MS)
        return group, steps, candidate.tokens_lately, cost(candidate), toss(request, candidate), candidate.name

    plan = tuple(sorted(usable(candidates, context.remaining), key=rank))
    return Decision(plan, f"affinity of {len(candidates)}: {_told(plan[0])}")


def _told(first: Candidate) -> str:
    if first.prefill_ms is None:
        return f"{first.name} at about {dollars(first)}"
    return f"{first.name} after {first.wait_ms:.0f} ms of waiting and {first.prefill_ms:.0f} ms of reading"
