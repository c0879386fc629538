"""Sending calls with time as one batch at a provider: each of them is held for and booked by itself.

held, each ─▶ sent ─▶ booked at its bound (pending); corrected once the batch has ended (`settling.py`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from gateway.catalog.providers import Provider
from gateway.core.entry import Outcome
from gateway.core.errors import GatewayError, UpstreamTimeout
from gateway.core.limit import Fare
from gateway.core.price import Cost, CostStatus
from gateway.core.request import Asked
from gateway.deferred.offers import Offered
from gateway.deferred.record import Later, Place
from gateway.dialects.batch_requests import ENDPOINTS
from gateway.dialects.batch_status import read_id, read_status
from gateway.journey.batches.desk import ANTHROPIC, BATCHES, Desk, good
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.draft import Trip
from gateway.journey.option import Option
from gateway.journey.shape import shape_of
from gateway.limits.accounts import Account
from gateway.upstream.errors import Lost

_BOUNDARY = "fareway-batch-8d1f3c"
_PATHS = {dialect: path for path, dialect in ENDPOINTS.items()}


class Member(NamedTuple):
    """One call on its way into a batch."""

    later: Later
    offered: Offered
    option: Option
    reason: str
    asked: Asked  # As it goes to who speaks its own dialect.
    dropped: tuple[str, ...]  # Fields that were left out.

    @property
    def body(self) -> bytes:
        """As the provider must get it."""
        question = self.offered.question
        return question.dialect.aim(self.asked, self.option.deployment.model, question.request.facts).body


Keep = Callable[[list[tuple[Later, Place]]], Awaitable[None]]
"""Write down where calls stand, before anybody may forget it."""


Held = list[tuple[Member, Booking]]


@dataclass(frozen=True)
class Sending:
    """See the module."""

    books: Books
    desk: Desk

    async def send(self, members: Sequence[Member], keep: Keep, patience_s: float) -> dict[str, GatewayError]:
        """Put them into one batch: they have one dialect, and go to one deployment. Returns those that could not be
        held for, by id, and why. Raises GatewayError if none left, or if nobody knows whether they did. `patience_s`:
        until when the provider must have taken them."""
        with ExitStack() as stack:
            try:
                async with asyncio.timeout(patience_s):
                    held, refused = await self._held(members, stack)
                    if not held:
                        return refused
                    name, status = await self._post(held)
            except TimeoutError:
                raise UpstreamTimeout("The provider did not have the batch in time.") from None
            provider = held[0][0].option.deployment.provider.name
            await keep([(m.later, Place(provider, name, m.later.request_id, b.draft.id, m.dropped)) for m, b in held])
            for _, booking in held:
                booking.settle_in_full(Outcome.PENDING, status)
        return refused

    async def _held(self, members: Sequence[Member], stack: ExitStack) -> tuple[Held, dict[str, GatewayError]]:
        """Once one is refused, what other replicas may give back is not waited for again: members share a team, and
        thousands would wait for the same money, each by itself."""
        held: Held = []
        refused: dict[str, GatewayError] = {}
        for member in members:
            booking = stack.enter_context(_booking(self.books, member))
            try:
                await booking.begin(member.option, member.reason, *_fare(member), patient=not refused)
            except GatewayError as error:
                refused[member.later.id] = error
            else:
                held.append((member, booking))
        return held, refused

    async def _post(self, held: Held) -> tuple[str, int]:
        """The name of the batch, and the status of the answer that says it."""
        first = held[0][0]
        provider = first.option.deployment.provider
        path, headers, body = await self._packed(provider, [member for member, _ in held])

        def leaving() -> None:
            for _, booking in held:
                booking.leaving()

        travelling = {**first.offered.question.headers, **headers}
        async with await self.desk.ask(provider, "POST", path, travelling, body=body, leaving=leaving) as answer:
            if answer.status >= 300:
                for _, booking in held:
                    booking.refused()
            await good(answer)
            status = read_status(await answer.read())
        if status is None:
            raise Lost("The provider's answer names no batch.")
        return status.id, answer.status

    async def _packed(self, provider: Provider, members: list[Member]) -> tuple[str, dict[str, str], bytes]:
        """What to post where. OpenAI wants the calls in a file first."""
        path, as_json = BATCHES[provider.batches], {"content-type": "application/json"}
        if provider.batches == ANTHROPIC:
            calls = [{"custom_id": m.later.request_id, "params": msgspec.Raw(m.body)} for m in members]
            return path, as_json, msgspec.json.encode({"requests": calls})
        endpoint = _PATHS[members[0].later.dialect]
        call = {"method": "POST", "url": endpoint}
        lines = [{"custom_id": m.later.request_id, **call, "body": msgspec.Raw(_in_one_line(m.body))} for m in members]
        file = await self._upload(provider, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h"}
        return path, as_json, msgspec.json.encode(asked)

    async def _upload(self, provider: Provider, lines: bytes) -> str:
        form = (
            b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n'
        )
        head = b'Content-Disposition: form-data; name="file"; filename="calls.jsonl"\r\nContent-Type: application/jsonl'
        edge = _BOUNDARY.encode()
        body = form % (edge, edge, head, lines, edge)
        kind = {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}
        async with await self.desk.ask(provider, "POST", "/files", kind, body=body) as answer:
            await good(answer)
            name = read_id(await answer.read())
        if name is None:
            raise Lost("The provider's answer names no file.")
        return name


def _in_one_line(body: bytes) -> bytes:
    """The same JSON: its lines end between values alone, where a space says as much. Nothing else of it changes."""
    return b" ".join(body.splitlines())


def _booking(books: Books, member: Member) -> Booking:
    question = member.offered.question
    facts, later = question.request.facts, member.later
    trip = Trip(
        later.request_id,
        later.caller,
        facts.model,
        stream=False,
        session=facts.session or "",
        shape=shape_of(question.request),
    )
    booking = Booking(books, trip, None if question.ceiling is None else Account.ceiling(question.ceiling))
    booking.decided = member.offered.chosen.decided
    return booking


def _fare(member: Member) -> tuple[Fare, Cost]:
    """The most that it can cost in a batch."""
    option, request = member.option, member.offered.question.request
    assert option.price is not None
    worst = option.worst_batched(request)
    cost = Cost(worst, CostStatus.UNCERTAIN, option.price.id)
    return Fare(worst.nanos_up, request.input_tokens, option.output_max, concurrent=0), cost
