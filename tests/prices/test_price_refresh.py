"""Refreshing with a fake fetch: what is accepted, kept, quarantined; and that nothing ends the loop."""

import asyncio
import json

import pytest

from gateway.prices import refresh as refresh_module
from gateway.prices.feed import parse
from gateway.prices.refresh import Fetched, Refresh

NOW = 1_790_000_000


def body(usd):
    models = [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": usd, "output_mtok": usd}}]
    return json.dumps([{"id": "p", "models": models}]).encode()


class World:
    """A server that gives the next answer, and a holder of the feed in use."""

    def __init__(self, *answers):
        self.answers, self.asked, self.now = list(answers), [], NOW
        self.feed = parse(body(1), name="bundled", day="2026-01-01")
        self.refresh = Refresh(
            fetch=self.fetch,
            accept=lambda feed: setattr(self, "feed", feed),
            current=lambda: self.feed,
            in_use=lambda: {("p", "m")},
            url="https://prices.test",
            interval=0,
            clock=lambda: self.now,
        )

    async def fetch(self, url, etag):
        self.asked.append((url, etag))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def usd(self):
        return self.feed.providers["p"].models[0].prices["input_mtok"]


async def test_a_good_feed_is_accepted():
    """It gets a name from its bytes and the day, and the next request asks with its etag."""
    world = World(Fetched(200, "e1", body(2)), Fetched(304, "e1"))
    await world.refresh.once()
    assert world.usd == 2
    assert world.feed.id.startswith("genai-prices-live-")
    assert world.feed.date == "2026-09-21"
    assert world.refresh.last_success_at == NOW
    world.now += 60
    await world.refresh.once()
    assert world.asked == [("https://prices.test", None), ("https://prices.test", "e1")]
    assert world.refresh.last_success_at == NOW + 60


async def test_a_suspicious_feed_waits_for_a_yes():
    """It is kept with its reasons, 304s do not count as success meanwhile, and approval puts it to use."""
    world = World(Fetched(200, "e1", body(9)), Fetched(304, "e1"))
    await world.refresh.once()
    await world.refresh.once()
    assert world.usd == 1
    assert world.refresh.last_success_at is None
    assert "p/m.input moves from 1000000 to 9000000" in world.refresh.quarantined.reasons[0]
    assert world.refresh.approve()
    assert world.usd == 9
    assert world.refresh.last_success_at == NOW
    assert world.refresh.quarantined is None
    assert not world.refresh.approve()


async def test_a_later_good_feed_ends_the_quarantine():
    world = World(Fetched(200, "e1", body(9)), Fetched(200, "e2", body(2)))
    await world.refresh.once()
    await world.refresh.once()
    assert world.usd == 2
    assert world.refresh.quarantined is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Fetched(200, "e1", b"{"), "FeedError"),
        (Fetched(500), "answered 500"),
        (OSError("no route"), "OSError: no route"),
        (Fetched(200, "e1", body(2) + b" " * 1000), "larger than"),
    ],
)
async def test_errors_leave_everything_as_it_was(answer, error, monkeypatch):
    """The old feed stays, the error is readable, the etag is not taken, and the next attempt clears it."""
    monkeypatch.setattr(refresh_module, "LARGEST_BODY", 500)
    world = World(answer, Fetched(200, "e2", body(2)))
    await world.refresh.once()
    assert world.usd == 1
    assert error in world.refresh.last_error
    await world.refresh.once()
    assert world.asked[1][1] is None
    assert (world.usd, world.refresh.last_error) == (2, None)


async def test_the_loop_goes_on_until_cancelled():
    """Errors do not end it; cancellation does."""
    world = World(OSError("down"), Fetched(500), Fetched(200, "e", body(2)), asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await world.refresh.run()
    assert world.usd == 2
