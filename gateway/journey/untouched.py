"""Passing a call on as it came, to a provider that its path names: what nobody here reads is metered all the same.

    1 who asks?   2 may it?   3 set a place aside   4 send   5 pass the answer on   6 settle

Reading and deleting cost nothing. For anything else no price is known, so a hard budget refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from gateway.catalog.prefixes import Place
from gateway.catalog.providers import Provider
from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import NoPrice
from gateway.core.limit import Fare
from gateway.core.price import FREE, UNPRICED, CostStatus, Price
from gateway.core.route import Candidate
from gateway.core.usage import Report, Usage
from gateway.dialects.openai_usage import UNREADABLE
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.draft import Trip
from gateway.journey.passage import Client
from gateway.journey.question import ceiling_of
from gateway.journey.receipt import Receipt
from gateway.journey.refused import WeAreRefused
from gateway.journey.seen import Seen
from gateway.upstream.answer import Answer
from gateway.upstream.errors import Lost
from gateway.upstream.headers import for_caller, for_provider
from gateway.upstream.retry import REFUSED_US
from gateway.upstream.signing import Signer
from gateway.upstream.wire import Wire

REASON = "the path names the provider"

MODEL_CHARACTERS_MAX = 256
"""Of a name in the books. It was not looked up."""

_NOTHING, _UNKNOWN = Usage(requests=0), Usage(final=False)


class Untouched(Struct, frozen=True):
    """A call that goes on as it came."""

    id: str
    key: Key
    method: str  # GET for HEAD: the answer is the same, and what follows its head is thrown away.
    provider: Provider
    place: Place
    headers: Mapping[str, str]
    body: bytes
    free: bool  # Nobody charges for it.
    arrived: float  # On the monotonic clock, in seconds.


class Destination(NamedTuple):
    """See `gateway.journey.draft.Destination`."""

    candidate: Candidate
    price: Price | None

    def occupancy(self, *, stream: bool) -> None:
        """It owes nothing for a machine's time."""


class _Named(Struct):
    model: Any = None


_named = msgspec.json.Decoder(_Named)


@dataclass(frozen=True)
class PassThrough:
    """The steps."""

    books: Books
    wire: Wire
    signers: Mapping[str, Signer]
    refuse_unpriced: bool  # Whether a hard budget refuses what has no price.
    monotonic: Callable[[], float]  # For durations, in seconds.

    async def serve(self, call: Untouched, client: Client) -> None:
        """Send the call and pass its answer on, whatever it is. Raises GatewayError before anything was passed on."""
        model = "" if call.free else _model(call.body, call.headers.get("content-type", ""))
        self._check(call)
        destination = _destination(call, model)
        with Booking(self.books, Trip(call.id, call.key.caller, model, stream=False)) as booking:
            worst = FREE.of(_NOTHING) if call.free else UNPRICED
            await booking.begin(destination, REASON, Fare(0), worst)
            client.may_leave()
            headers = await self._headers(call)
            async with await self.wire.send(
                call.method, call.place.url, headers, call.body, streams=True, leaving=booking.leaving
            ) as answer:
                if answer.status >= 400:
                    booking.refused()
                    booking.void(f"status {answer.status}")
                if answer.status in REFUSED_US:
                    raise WeAreRefused
                await self._pass_on(call, answer, booking, client)

    def _check(self, call: Untouched) -> None:
        if call.free:
            return
        guarded = self.books.limits.chain(call.key.caller).guards_money or ceiling_of(call.headers) is not None
        if guarded and self.refuse_unpriced:
            raise NoPrice("A hard budget guards this key, and what a call of this kind costs is not known.")

    async def _headers(self, call: Untouched) -> Mapping[str, str]:
        access = call.place.access
        headers = {**access.defaults, **for_provider(call.headers.items()), **access.headers}
        headers["x-fareway-request-id"] = call.id
        if not access.signed:
            return headers
        return await self.signers[call.provider.name].signed(call.place.url, headers, call.body, call.method)

    async def _pass_on(self, call: Untouched, answer: Answer, booking: Booking, client: Client) -> None:
        """Byte for byte. However it ends, it is settled then, if there was anything to settle."""
        seen = Seen(call.provider, answer.headers.get("content-type", ""))
        try:
            await client.start(answer.status, self._told(call, answer, booking))
            while chunk := await answer.next_chunk():
                seen.feed(chunk)
                await client.write(chunk)
        except Lost:
            _settle(booking, Outcome.CUT, answer.status, seen, free=call.free)
            raise
        except BaseException:
            _settle(booking, Outcome.HUNG_UP, 499, seen, free=call.free)
            raise
        _settle(booking, Outcome.OK, answer.status, seen, free=call.free)
        await client.finish()

    def _told(self, call: Untouched, answer: Answer, booking: Booking) -> dict[str, str]:
        told = for_caller(answer.headers) | {"x-fareway-request-id": call.id}
        if "content-encoding" in answer.headers:  # Nobody reads it here, so it passes as it is.
            told["content-encoding"] = answer.headers["content-encoding"]
        if not booking.under_way:
            return told
        overhead_ms = (self.monotonic() - call.arrived) * 1000
        receipt = Receipt(booking.draft, "off", overhead_ms, None).headers()
        return told | receipt | ({"x-fareway-cost-status": CostStatus.EXACT} if call.free else {})


def may_pass(key: Key) -> bool:
    """Whether a key may send what nobody here reads: not if it may use only some models."""
    return not key.models


def _model(body: bytes, content_type: str) -> str:
    """The model that a body names, for the books. Empty for one that names none, or none that can be read."""
    if not content_type.startswith("application/json"):
        return ""
    try:
        named = _named.decode(body).model
    except UNREADABLE:
        return ""
    return named[:MODEL_CHARACTERS_MAX] if isinstance(named, str) else ""


def _destination(call: Untouched, model: str) -> Destination:
    name = call.provider.name
    free = FREE.of(_NOTHING).known if call.free else None
    candidate = Candidate(f"{name}/{model}", name, model, "", call.provider.selfhosted, free, free)
    return Destination(candidate, None)


def _settle(booking: Booking, outcome: Outcome, status: int, seen: Seen, *, free: bool) -> Entry | None:
    if not booking.under_way:
        return None
    report = Report() if free else seen.report()
    usage, cost = (_NOTHING, FREE.of(_NOTHING)) if free else (report.usage or _UNKNOWN, UNPRICED)
    return booking.settle(outcome, status, usage=usage, cost=cost, report=report, first_token_ms=None)
