"""From what arrived to a question: what is asked, by whom it may be asked, and how big it is at most. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.core.caller import Key
from gateway.core.errors import Forbidden
from gateway.core.limit import HoldMode
from gateway.core.request import Asked, Request
from gateway.dialects.base import Dialect
from gateway.dialects.validate import refuse_many_objects
from gateway.journey.carriage import Carrier, lossy
from gateway.journey.question import Question, ceiling_of, hold_mode, proven
from gateway.journey.routing import Router
from gateway.journey.session import session_of
from gateway.tokens import measure
from gateway.upstream.headers import for_provider


class Call(Struct, frozen=True):
    """What arrived, before we understand it."""

    id: str
    dialect: Dialect
    headers: Mapping[str, str]
    asked: Asked
    arrived: float  # On the monotonic clock, in seconds.
    baseline_at: float | None = None  # Unix seconds when it could have been asked at the ordinary price: it had time.


def understood(call: Call, key: Key, router: Router, mode: HoldMode) -> Question:
    """The question. `mode`: how the limits over the caller want streams to hold. Raises GatewayErrors that say what is
    wrong with the call."""
    asked, headers = call.asked, call.headers
    refuse_many_objects(asked.body)
    facts = call.dialect.read(asked)
    if (session := session_of(headers, facts.session)) != facts.session:
        facts = replace(facts, session=session)
    if asked.provider:
        facts = replace(facts, provider=asked.provider)
    if not all(map(key.may_use, facts.models)):
        raise Forbidden("This key may not use that model.")
    size = measure(asked.body, facts)
    mode = hold_mode(headers, mode)
    ceiling = ceiling_of(headers)
    carrier = Carrier(asked, lossy=lossy(headers))
    request = Request(call.id, key.id, call.dialect.name, facts, input_tokens=0)
    if (unseen := router.unseen(request, carrier)) != facts.unseen:
        facts = replace(facts, unseen=unseen)
    bound = router.bound(facts, size, proven=proven(facts, mode, ceiling))
    request = replace(request, facts=facts, input_tokens=bound)
    travelling = for_provider(headers.items())
    prefix = router.prefix(request, asked)
    since = call.baseline_at
    return Question(
        request, call.dialect, asked, travelling, mode, size, carrier, ceiling, prefix=prefix, baseline_at=since
    )
