"""Which response a call continues: whose it is decides, and a stranger's question reaches no ledger."""

import json
from types import SimpleNamespace

import pytest

from gateway.core.caller import Caller
from gateway.core.errors import BadRequest, Unauthorized, Unavailable
from gateway.front.passing import Passing

OWN, OTHER = Caller(key_id="own"), Caller(key_id="other")
BODY = json.dumps({"model": "m", "input": "Hi", "previous_response_id": "resp_1"}).encode()


class Books:
    """A ledger, what waits for it, and one key that is known."""

    def __init__(self, *, ledger=(), waiting=(), away=False):
        self.ledger, self.away, self.looks = ledger, away, 0
        pipeline = SimpleNamespace(
            tenants=SimpleNamespace(identify=self.identify),
            clock=lambda: 0.0,
            books=SimpleNamespace(journal=SimpleNamespace(settled=waiting)),
        )
        self.passing = Passing(pipeline, SimpleNamespace(providers={"openai": None}), None, self.find, 1 << 20, 1.0)

    def identify(self, headers, now, origin):
        if headers.get("authorization") != "Bearer own":
            raise Unauthorized("no such key")
        return SimpleNamespace(caller=OWN, tags=(), sees=lambda caller: caller == OWN)

    async def find(self, name):
        self.looks += 1
        if self.away:
            raise Unavailable("The ledger is away.")
        return [entry for entry in self.ledger if entry.answer_id == name]

    async def continues_at(self, body=BODY, token="own"):
        exchange = SimpleNamespace(headers={"authorization": f"Bearer {token}"}, origin=lambda: "")
        return await self.passing.continues_at(body, exchange)


def made(caller, answer_id="resp_1"):
    return SimpleNamespace(caller=caller, answer_id=answer_id, provider="openai")


@pytest.mark.parametrize("away", [False, True])
async def test_a_stranger_is_known_before_anything_is_looked_up(away):
    books = Books(ledger=[made(OWN)], away=away)
    with pytest.raises(Unauthorized):
        await books.continues_at(token="nobody's")
    assert books.looks == 0


async def test_it_goes_where_the_response_was_made_and_never_on_with_anothers():
    assert await Books(ledger=[made(OTHER), made(OWN)]).continues_at() == "openai"
    assert await Books().continues_at() == ""
    with pytest.raises(BadRequest):
        await Books(ledger=[made(OTHER)]).continues_at()


async def test_while_the_ledger_is_away_what_waits_for_it_tells():
    assert await Books(waiting=[made(OTHER, "resp_0"), made(OWN)], away=True).continues_at() == "openai"


@pytest.mark.parametrize("waiting", [[], [made(OWN, "resp_0")], [made(OTHER)]])
async def test_and_whose_nobody_can_tell_is_not_continued(waiting):
    """It may be another's."""
    with pytest.raises(Unavailable):
        await Books(waiting=waiting, away=True).continues_at()


@pytest.mark.parametrize("body", [b"no JSON", b'{"model":"m"}', b'{"previous_response_id":""}'])
async def test_what_continues_nothing_asks_nobody(body):
    books = Books(away=True)
    assert await books.continues_at(body) == ""
    assert books.looks == 0
