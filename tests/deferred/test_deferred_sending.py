"""Sending calls with time as one batch: none waits for money longer than there is time."""

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Reason, Refusal, UpstreamTimeout
from gateway.core.money import Money
from gateway.core.request import Asked
from gateway.deferred import sending
from gateway.deferred.record import Later
from gateway.deferred.sending import Member, Sending

OPTION = SimpleNamespace(price=SimpleNamespace(id="p"), worst_batched=lambda _: Money(1), output_max=1)
OFFERED = SimpleNamespace(question=SimpleNamespace(request=SimpleNamespace(input_tokens=1)))


def member(name):
    later = Later(name, Caller("k"), "openai-chat", "m", Asked(b""), {}, accepted=1.0, deadline=9.0)
    return Member(later, OFFERED, OPTION, "", later.asked, ())


@pytest.fixture
def holding(monkeypatch):
    """What happens to each that is to be held for, and whether it waits for what others may give back."""
    known = SimpleNamespace(begin=None, patient=[], closed=0)

    @contextmanager
    def booking(*_):
        async def begin(*_, patient=True):
            known.patient.append(patient)
            await known.begin()

        yield SimpleNamespace(begin=begin)
        known.closed += 1

    monkeypatch.setattr(sending, "_booking", booking)
    return known


async def send(*names, patience_s=60.0):
    async with asyncio.timeout(20):
        return await Sending(None, None).send([member(name) for name in names], None, patience_s)


async def test_once_one_was_refused_the_others_of_its_batch_are_not_waited_for(holding):
    """They would wait for the same money, one after the other."""
    spent = LimitReached(Refusal("team:t", "usd", "month", "$1", "$0", "$1", "$1", None, Reason.HELD))

    async def refused():
        raise spent

    holding.begin = refused
    assert await send("a", "b", "c") == {"a": spent, "b": spent, "c": spent}
    assert holding.patient == [True, False, False]
    assert holding.closed == 3


async def test_what_cannot_be_held_for_in_time_is_let_go(holding):
    holding.begin = asyncio.Event().wait
    with pytest.raises(UpstreamTimeout):
        await send("a", patience_s=0.01)
