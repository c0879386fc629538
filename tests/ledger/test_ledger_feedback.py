"""What callers say about answers is kept beside the entries: the last word on each request, in both databases."""

import sqlite3
from contextlib import closing

from entries import entry
from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.rating import Arm, Rating
from gateway.ledger import feedback, sqlite
from gateway.ledger.sqlite import SqliteLedger

SAID = Rating("req_1", 10.5, 0.25, "openai", "gpt-5", 7, Arm.ROUTED, Money(12345))


async def test_what_was_said_comes_back_as_it_was(ledger):
    plain = Rating("req_\N{SNOWMAN}", 9.0, 1.0, "p", "a/b")
    await ledger.rate(SAID)
    await ledger.rate(plain)
    assert await ledger.ratings(0) == [plain, SAID]
    assert await ledger.ratings(10.0) == [SAID]


async def test_the_last_word_counts_however_often_it_is_said(ledger):
    await ledger.rate(SAID)
    for at, score in ((12.0, 0.75), (12.0, 0.75), (11.0, 0.0)):
        await ledger.rate(replace(SAID, at=at, score=score))
    assert await ledger.ratings(0) == [replace(SAID, at=12.0, score=0.75)]


async def test_of_very_many_the_newest_are_given(ledger, monkeypatch):
    module = "gateway.ledger.sqlite" if isinstance(ledger, SqliteLedger) else "gateway.ledger.postgres"
    monkeypatch.setattr(f"{module}.RATINGS_MAX", 2)
    for number in range(4):
        await ledger.rate(replace(SAID, request_id=f"req_{number}", at=float(number)))
    assert [rating.at for rating in await ledger.ratings(0)] == [2.0, 3.0]


async def test_a_name_that_no_text_column_holds_does_not_stop_it(ledger):
    await ledger.rate(replace(SAID, model="odd\0name"))
    assert len(await ledger.ratings(0)) == 1


async def test_a_report_reads_it_too(kept, ledger):
    await ledger.rate(SAID)
    await ledger.record([entry("a")])
    with kept.reading() as reader:
        assert list(reader.ratings(0)) == [SAID]
        assert list(reader.ratings(11)) == []


def test_a_ledger_from_before_it_was_kept_has_none(tmp_path):
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP TABLE feedback")
    with sqlite.reading(path) as reader:
        assert list(reader.ratings(0)) == []


def test_a_row_has_a_value_for_each_column():
    assert len(feedback.rating_row(SAID)) == len(feedback.RATED)
