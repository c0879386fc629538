"""What a home keeps: whole or not at all, checked when it is read, and pinned while somebody says so."""

import hashlib
import json

import pytest

from gateway.prices import bundled
from gateway.prices.stored import Heading, Shelf, Slot, book_in_use, write

NOW = 1_800_000_000  # 2027-01-15
SHA256 = hashlib.sha256(b"").hexdigest()


def body(usd=1):
    models = [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": usd, "output_mtok": usd}}]
    return json.dumps([{"id": "p", "models": models}]).encode()


def heading(content, name="live", **more):
    return Heading(name, more.pop("date", "2027-01-01"), hashlib.sha256(content).hexdigest(), "test", NOW, **more)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def keep(shelf, slot, usd=1, name="live", **more):
    shelf.keep(slot, heading(body(usd), name, **more), body(usd))


def test_what_is_kept_is_read_again(shelf, tmp_path):
    """The feed with its name and day, and the book over it."""
    keep(shelf, Slot.ACCEPTED, 2, etag="e")
    stored = shelf.read(Slot.ACCEPTED)
    assert (stored.feed.id, stored.feed.date, stored.heading.etag) == ("live", "2027-01-01", "e")
    assert book_in_use(tmp_path, (), NOW).price("p", "m", NOW).standard.base.input == 2_000_000
    assert shelf.body(Slot.ACCEPTED) == body(2)


def test_an_empty_home_means_the_bundled_snapshot(shelf, tmp_path):
    assert shelf.read(Slot.ACCEPTED) is shelf.in_use(NOW) is shelf.pin(NOW) is None
    assert not shelf.drop(Slot.PINNED)
    assert not shelf.approve(SHA256)
    assert shelf.stamp() == ()
    assert book_in_use(tmp_path, (), NOW).id == bundled.header().id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}\n",
        b"not json\n[]",
        b'{"id":"x","date":"2027-01-01","sha256":"00","source":"s","at":1}\n[]',
        b'{"id":"x","date":"2027-01-01","sha256":"%b","source":"s","at":1}\n{'
        % hashlib.sha256(b"{").hexdigest().encode(),
    ],
)
def test_a_broken_file_is_set_aside_with_a_warning(shelf, caplog, content):
    """Empty, cut, changed, or not a feed although it is what was stored: prices go on without it."""
    shelf.folder.mkdir()
    path = shelf.folder / "accepted.feed"
    path.write_bytes(content)
    assert shelf.in_use(NOW) is None
    assert "broken" in caplog.text
    assert not path.exists()
    assert path.with_suffix(".broken").read_bytes() == content


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_file_that_was_cut_is_not_used(shelf, cut):
    keep(shelf, Slot.ACCEPTED)
    path = shelf.folder / "accepted.feed"
    path.write_bytes(path.read_bytes()[:-cut])
    assert shelf.in_use(NOW) is None


def test_what_cannot_be_opened_is_only_a_warning(shelf, caplog):
    (shelf.folder / "accepted.feed").mkdir(parents=True)
    assert shelf.read(Slot.ACCEPTED) is None
    assert "cannot be read" in caplog.text


def test_a_pin_wins_until_its_time_is_over(shelf):
    keep(shelf, Slot.ACCEPTED, 2, "new")
    keep(shelf, Slot.PINNED, 1, "old", until=NOW + 10)
    assert shelf.in_use(NOW).feed.id == "old"
    assert shelf.in_use(NOW + 10).feed.id == "new"
    keep(shelf, Slot.PINNED, 1, "old")
    assert shelf.in_use(NOW * 2).feed.id == "old"
    assert shelf.drop(Slot.PINNED)
    assert shelf.in_use(NOW).feed.id == "new"


def test_a_newer_gateway_brings_newer_prices(shelf):
    """What was accepted before the bundled snapshot's day is not used; what is pinned still is."""
    keep(shelf, Slot.ACCEPTED, date="2026-01-01")
    assert shelf.in_use(NOW) is None
    keep(shelf, Slot.PINNED, date="2026-01-01")
    assert shelf.in_use(NOW) is not None


def test_approval_moves_the_waiting_feed(shelf):
    keep(shelf, Slot.ACCEPTED, 1, "old")
    before = shelf.stamp()
    keep(shelf, Slot.QUARANTINED, 2, "new", reasons=("far",))
    assert shelf.heading(Slot.QUARANTINED).reasons == ("far",)
    assert shelf.approve(heading(body(2)).sha256)
    assert shelf.in_use(NOW).feed.id == "new"
    assert shelf.stamp() != before
    assert not shelf.approve(heading(body(2)).sha256)


def test_a_yes_to_one_feed_is_none_to_another(shelf):
    """What came since somebody looked waits on, as it was; so does what nobody can read."""
    keep(shelf, Slot.QUARANTINED, 2, "looked-at")
    keep(shelf, Slot.QUARANTINED, 3, "later")
    assert not shelf.approve(heading(body(2)).sha256)
    assert shelf.heading(Slot.QUARANTINED).id == "later"
    assert shelf.in_use(NOW) is None
    path = shelf.folder / "quarantined.feed"
    path.write_bytes(b"nothing")
    assert not shelf.approve(heading(body(2)).sha256)
    assert list(shelf.folder.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    """And nothing beside it."""
    path = tmp_path / "f"
    write(path, b"old")
    with pytest.raises(TypeError):
        write(path, "text")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "d").mkdir()
    with pytest.raises(OSError, match="d"):
        write(tmp_path / "d", b"x")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "d", path]
