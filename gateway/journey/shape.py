"""What the ledger keeps of a request, so that a policy can be asked about it again; and that request, made of it."""

from __future__ import annotations

from gateway.core.entry import Entry, Shape
from gateway.core.request import Facts, Request


def shape_of(request: Request) -> Shape:
    """What an entry keeps of it."""
    facts = request.facts
    return Shape(
        request.dialect,
        request.input_tokens,
        facts.output_tokens_max,
        facts.choices,
        facts.turns,
        tuple(sorted(facts.needs)) if facts.needs else (),
        facts.reasons,
        facts.images,
        facts.files,
        facts.service_tier or "",
        facts.provider,
    )


def request_of(entry: Entry) -> Request:
    """The call again, as a policy saw it, but for what it said: its prompt is empty."""
    shape = entry.shape
    facts = Facts(
        entry.asked_model,
        stream=entry.stream,
        output_tokens_max=shape.output_max,
        choices=shape.choices,
        needs=frozenset(shape.needs),
        reasons=shape.reasons,
        images=shape.images,
        files=shape.files,
        turns=shape.turns,
        service_tier=shape.service_tier or None,
        session=entry.session or None,
        extras=entry.usage.extras,
        provider=shape.provider,
    )
    return Request(entry.request_id, entry.caller.key_id, shape.dialect, facts, shape.input_max, input_exact=True)
