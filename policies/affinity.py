"""Where the prompt is warm, as long as nobody waits long for it: for engines of one's own."""

from __future__ import annotations

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies.params import milliseconds, number
from policies.parts import cost, dollars, toss, usable

READS = (Signal.WARMTH,)
PARAMS = {"reading": number(0.1, 100), "running": milliseconds, "patience": milliseconds}

READING_WEIGHT = 3.0
"""How many seconds of waiting a second of reading is worth. Who waits loses that time alone. What is read anew is
waited for by those that come behind it, too, and takes the room of what others come back for. With less, prompts leave
their caches too easily; with more, waits grow (benchmarks/caching/prefixes.py, where it was chosen on the first third).
"""

RUNNING_MS = 50.0
"""Of waiting, that each call under way at an engine counts for: they share its steps. Without it, calls that begin
alike would gather at one engine for as long as it reads quickly, however many it answers."""

PATIENCE_MS = 5_000.0
"""Where even the best engine lets a call wait for longer, others are asked first, for money or not."""

SAME = 0.05
SAME_MS = 20.0
"""Times that differ by so much from the best, and by so many milliseconds, are the same: estimates are no better."""

STEP_TOKENS = 512


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Own engines by the wait, what runs there and three times what is to be read, and where that is the same, by what
    is warm and by how little they were given to read lately. Others behind them, by cost, what is warm there included;
    before them where all are crowded: where even the best lets a call wait for longer than patience, or takes so much
    from those who wait that it costs more. `params: {reading: 3, running: 50ms, patience: 5s}`."""
    reading = context.params.get("reading", READING_WEIGHT)
    within = usable(candidates, context.remaining)
    running = context.params.get("running", RUNNING_MS)
    times = {
        c.name: c.wait_ms + running * c.in_flight + reading * c.prefill_ms for c in within if c.prefill_ms is not None
    }

    def place(candidate: Candidate) -> tuple[float, int, int, object, float, str]:
        time = times[candidate.name]
        later = time if time > same_ms else 0.0
        warm = -(candidate.warm_tokens // STEP_TOKENS)
        return later, warm, candidate.tokens_lately, cost(candidate), toss(request, candidate), candidate.name

    same_ms = min(times.values(), default=0.0) * (1 + SAME) + SAME_MS
    own = sorted([c for c in within if c.name in times], key=place)
    others = sorted([c for c in within if c.name not in times], key=lambda c: (cost(c), toss(request, c), c.name))
    patience = context.params.get("patience", PATIENCE_MS)
    crowded = bool(own and others) and (own[0].wait_ms > patience or _dearer(own[0], others[0]))
    plan = (*others, *own) if crowded else (*own, *others)
    return Decision(plan, f"affinity of {len(candidates)}: {_told(plan[0])}")


def _dearer(own: Candidate, other: Candidate) -> bool:
    """Whether the other is cheaper than what a call adds to the bill of our machine; without a machine nobody knows."""
    return own.cost_loaded is not None and cost(own) > cost(other)


def _told(first: Candidate) -> str:
    if first.prefill_ms is None:
        return f"{first.name} at about {dollars(first)}"
    return f"{first.name} after {first.wait_ms:.0f} ms of waiting and {first.prefill_ms:.0f} ms of reading"
