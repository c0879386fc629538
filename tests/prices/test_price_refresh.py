"""Refreshing with a fake fetch: what is accepted, kept, quarantined; and that nothing ends the loop."""

import asyncio
import json

import pytest

from gateway.prices import refresh as refresh_module
from gateway.prices.feed import parse
from gateway.prices.refresh import Fetched, Refresh
from gateway.prices.stored import Heading, Shelf, Slot

NOW = 1_800_000_000  # 2027-01-15


def body(usd):
    models = [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": usd, "output_mtok": usd}}]
    return json.dumps([{"id": "p", "models": models}]).encode()


async def in_use():
    return {("p", "m")}


class World:
    """A server that gives the next answer, a home, and a holder of the feed in use."""

    def __init__(self, home, *answers):
        self.answers, self.asked, self.now, self.shelf = list(answers), [], NOW, Shelf(home)
        self.feed = parse(body(1), name="bundled", day="2026-01-01")
        self.refresh = Refresh(
            fetch=self.fetch,
            shelf=self.shelf,
            stored=self.look,
            current=lambda: self.feed,
            in_use=in_use,
            url="https://prices.test",
            interval=0,
            clock=lambda: self.now,
        )

    async def look(self):
        stored = self.shelf.read(Slot.ACCEPTED)
        self.feed = stored.feed if stored is not None else self.feed

    @property
    def waiting(self):
        return self.shelf.heading(Slot.QUARANTINED)

    async def fetch(self, url, etag):
        self.asked.append((url, etag))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def usd(self):
        return self.feed.providers["p"].models[0].prices["input_mtok"]


async def test_a_good_feed_is_accepted(tmp_path):
    """It gets a name from its bytes and the day, and the next request asks with its etag."""
    world = World(tmp_path, Fetched(200, "e1", body(2)), Fetched(304, "e1"))
    await world.refresh.once()
    assert world.usd == 2
    assert world.feed.id.startswith("genai-prices-live-")
    assert world.feed.date == "2027-01-15"
    assert world.refresh.last_success_at == NOW
    world.now += 60
    await world.refresh.once()
    assert world.asked == [("https://prices.test", None), ("https://prices.test", "e1")]
    assert world.refresh.last_success_at == NOW + 60


async def test_a_suspicious_feed_waits_for_a_yes(tmp_path):
    """It is kept with its reasons, 304s do not count as success meanwhile, and approval puts it to use."""
    world = World(tmp_path, Fetched(200, "e1", body(9)), Fetched(304, "e1"))
    await world.refresh.once()
    await world.refresh.once()
    assert world.usd == 1
    assert world.refresh.last_success_at is None
    assert "p/m.input moves from 1000000 to 9000000" in world.waiting.reasons[0]
    assert world.asked[1][1] == "e1"
    assert world.shelf.approve(world.shelf.heading(Slot.QUARANTINED).sha256)
    await world.look()
    assert world.usd == 9
    assert world.waiting is None
    assert not world.shelf.approve(world.shelf.heading(Slot.ACCEPTED).sha256)


async def test_a_later_good_feed_ends_the_quarantine(tmp_path):
    world = World(tmp_path, Fetched(200, "e1", body(9)), Fetched(200, "e2", body(2)))
    await world.refresh.once()
    await world.refresh.once()
    assert world.usd == 2
    assert world.waiting is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Fetched(200, "e1", b"{"), "FeedError"),
        (Fetched(500), "answered 500"),
        (OSError("no route"), "OSError: no route"),
        (Fetched(200, "e1", body(2) + b" " * 1000), "larger than"),
    ],
)
async def test_errors_leave_everything_as_it_was(answer, error, monkeypatch, tmp_path):
    """The old feed stays, the error is readable, the etag is not taken, and the next attempt clears it."""
    monkeypatch.setattr(refresh_module, "LARGEST_BODY", 500)
    world = World(tmp_path, answer, Fetched(200, "e2", body(2)))
    await world.refresh.once()
    assert world.usd == 1
    assert error in world.refresh.last_error
    await world.refresh.once()
    assert world.asked[1][1] is None
    assert (world.usd, world.refresh.last_error) == (2, None)


async def test_the_loop_goes_on_until_cancelled(tmp_path):
    """Errors do not end it; cancellation does."""
    world = World(tmp_path, OSError("down"), Fetched(500), Fetched(200, "e", body(2)), asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await world.refresh.run()
    assert world.usd == 2


async def test_nothing_is_asked_while_prices_are_pinned(tmp_path):
    """Until the pin's time is over."""
    world = World(tmp_path, Fetched(200, "e1", body(2)))
    world.shelf.keep(Slot.PINNED, Heading("x", "2027-01-01", "", "pin", NOW, until=NOW + 5), b"")
    await world.refresh.once()
    assert (world.asked, world.refresh.last_error) == ([], None)
    world.now += 5
    await world.refresh.once()
    assert world.usd == 2


@pytest.mark.parametrize(("source", "digest"), [("elsewhere", None), ("https://prices.test", "0" * 64)])
async def test_an_etag_of_what_is_not_in_use_is_not_told(tmp_path, source, digest):
    """Else "not modified" would keep another feed than the one it is said of."""
    world = World(tmp_path, Fetched(200, "e2", body(2)))
    world.shelf.keep(Slot.ACCEPTED, Heading("x", "2027-01-01", digest or world.feed.digest, source, NOW, "e1"), b"")
    await world.refresh.once()
    assert world.asked == [("https://prices.test", None)]


async def test_what_cannot_be_stored_is_not_used(tmp_path):
    """A home that is no folder: the old feed stays, and the error says so."""
    (tmp_path / "prices").write_text("in the way")
    world = World(tmp_path, Fetched(200, "e1", body(2)))
    await world.refresh.once()
    assert world.usd == 1
    assert "Error" in world.refresh.last_error


async def test_what_was_approved_meanwhile_is_not_judged_again(tmp_path):
    """Somebody says yes while the same feed is on its way once more."""
    world = World(tmp_path, Fetched(200, "e1", body(9)), Fetched(200, "e2", body(9)))
    await world.refresh.once()
    assert world.usd == 1
    assert world.shelf.approve(world.shelf.heading(Slot.QUARANTINED).sha256)
    await world.refresh.once()
    assert world.waiting is None
    assert world.usd == 9
