"""Prices are kept with the books: whole, once, through crashes, and whatever version wrote them."""

import os
import sqlite3
from zlib import crc32

from charges import RATED
from entries import entry, ids
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from gateway.core.price import Price, Rates, Schedule
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.mover import Mover
from gateway.ledger.rates import decoded, encoded
from gateway.ledger.records import Kind, line, price_line, replay
from gateway.ledger.sqlite import reading

rates = st.builds(
    Rates,
    **dict.fromkeys([*RATED, "request"], st.integers(0, 10**12)),
    extras=st.dictionaries(st.sampled_from(["web_searches", "images"]), st.integers(0, 10**12)),
    least=st.dictionaries(st.sampled_from(["audio_ms"]), st.integers(0, 10**6)),
    by_token=st.booleans(),
    sure=st.booleans(),
)
schedules = st.builds(
    lambda base, above: Schedule(base, tuple(sorted(above.items()))),
    rates,
    st.dictionaries(st.integers(1, 10**6), rates, max_size=2),
)
prices = st.builds(Price, st.text(max_size=30), schedules, st.dictionaries(st.text(max_size=9), schedules, max_size=2))


def price(name, picos=1):
    return Price(name, Schedule(Rates(*[picos] * len(RATED))))


@given(prices)
def test_a_price_is_read_as_it_was_written(one):
    assert decoded(encoded(one)) == one
    assert replay([price_line(one)]).prices == (one,)


def test_a_rate_of_a_later_version_is_left_out():
    text = encoded(price("p")).replace(b'"request":0', b'"request":0,"by_moonlight":7')
    assert decoded(text) == price("p")


def test_a_damaged_price_is_counted_and_the_rest_is_read():
    lines = [price_line(price("p")), price_line(price("q"))[:-9] + b"\n", line(Kind.SETTLED, entry("a"))]
    found = replay(lines)
    assert (found.prices, found.damaged, ids(found.settled)) == ((price("p"),), 1, ["a"])


def test_the_first_word_on_a_price_is_the_last():
    assert replay([price_line(price("p", 1)), price_line(price("p", 2))]).prices == (price("p", 1),)


async def test_a_price_is_written_once_and_moved_before_what_it_explains(tmp_path, ledger):
    journal = Journal(tmp_path / "journal", SYNC_NEVER)
    mover = Mover(journal, ledger)
    for _ in range(3):
        journal.note(price("p"))
    journal.settle(entry("a.1"))
    assert await mover.prices(["p", "q"]) == {"p": price("p")}
    await mover.move()
    assert journal.prices == []
    assert await ledger.prices(["p", "q"]) == {"p": price("p")}
    journal.note(price("p"))
    assert journal.prices == [], "known for the life of the process"
    assert replay((tmp_path / "journal/000000000001.journal").read_bytes().splitlines(keepends=True)).prices == (
        price("p"),
    )
    journal.close()


async def test_after_a_crash_the_journal_alone_tells_the_rates(tmp_path, kept, ledger):
    journal = Journal(tmp_path / "journal", SYNC_NEVER)
    journal.note(price("p"))
    await journal.open(entry("a.1"))
    for handle in (journal._file, journal._lock):
        os.close(handle)
    journal = Journal(tmp_path / "journal", SYNC_NEVER)
    assert await Mover(journal, ledger).recover() == (0, 1)
    assert await ledger.prices(["p"]) == {"p": price("p")}
    with kept.reading() as reader:
        assert reader.prices() == {"p": price("p")}
    journal.close()


def test_a_ledger_from_before_prices_were_kept_has_none(tmp_path):
    sqlite3.connect(tmp_path / "ledger.db").close()
    with reading(tmp_path / "ledger.db") as reader:
        assert reader.prices() == {}


def test_a_line_of_an_older_version_is_read():
    """They wrote what is empty, too."""
    empty = {"usage_raw": "", "parts": [], "clamped": False, "adjusts": "", "adjusted_at": 0.0, "prompt": None}
    fields = json.decode(json.encode(entry("r.1", ("x", 3))))
    assert not empty.keys() & fields.keys()
    text = b"S" + json.encode(fields | empty)
    assert replay([b"%08x%b\n" % (crc32(text), text)]).settled == (entry("r.1", ("x", 3)),)
