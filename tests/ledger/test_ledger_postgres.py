"""What only PostgreSQL can do to a ledger: be away, be silent, be restarted, be full, be newer, be shared."""

import asyncio
import traceback
from contextlib import closing
from types import SimpleNamespace

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from entries import entry, held, ids
from ledgers import InPostgres, balances
from postgres_server import PASSWORD, QUOTED, free_port

from gateway.core.errors import Unavailable
from gateway.ledger import postgres as books
from gateway.ledger import postgres_line, postgres_schema
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.mover import Mover
from gateway.ledger.postgres import PostgresLedger

DAY = 86_400


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(postgres_line, "PAUSE_S", 0)


@pytest.fixture
def kept(postgres):
    return InPostgres(postgres)


async def test_a_server_that_was_restarted_in_between_is_not_even_noticed(postgres, ledger):
    await ledger.record([entry("a", ("x", 1))])
    postgres.stop()
    postgres.start()
    assert await ledger.balances(["x"]) == {"x": 1}
    postgres.stop()
    postgres.start()
    assert await ledger.record([entry("b", ("x", 1))]) == 1


async def test_while_it_is_away_entries_wait_and_then_come_once(postgres, kept, ledger, tmp_path, caplog):
    with closing(Journal(tmp_path, SYNC_NEVER)) as journal:
        mover = Mover(journal, ledger)
        journal.settle(entry("a", ("x", 1)))
        await mover.move()
        postgres.stop()
        try:
            for number in range(2500):
                journal.settle(entry(f"r{number}.1", ("x", 1)))
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await mover.move()
            assert len(journal.settled) == 2500
        finally:
            postgres.start()
        await mover.move()
        assert journal.settled == []
        assert balances(kept) == {"x": 2501}
        assert await mover.audit([SimpleNamespace(id="x", spent=2501, booked={"x": 2501})]) == 0
        assert caplog.text.count("does not do its part") == 1, "said once"


async def test_a_server_that_says_nothing_is_given_up(postgres, kept, ledger, monkeypatch):
    monkeypatch.setattr(postgres_line, "ANSWER_S", 1)
    monkeypatch.setattr(postgres_line, "CONNECT_S", 2)
    await ledger.record([entry("a", ("x", 1))])
    postgres.freeze()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await ledger.record([entry("b", ("x", 1))])
    finally:
        postgres.thaw()
    assert await ledger.record([entry("b", ("x", 1)), entry("c", ("x", 1))]) >= 1
    assert balances(kept) == {"x": 3}


async def test_after_a_failure_nobody_waits_for_a_moment(postgres, ledger, monkeypatch):
    monkeypatch.setattr(postgres_line, "PAUSE_S", 60)
    await ledger.newest()
    postgres.stop()
    try:
        with pytest.raises(Unavailable):
            await ledger.newest()
    finally:
        postgres.start()
    with pytest.raises(Unavailable):
        await ledger.newest()


async def test_a_full_disk_keeps_nothing_half(kept, ledger):
    await ledger.open()
    kept.change("""
        CREATE FUNCTION full_disk() RETURNS trigger AS $$
        BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$ LANGUAGE plpgsql
    """)
    kept.change("CREATE TRIGGER full_disk BEFORE INSERT ON balances FOR EACH ROW EXECUTE FUNCTION full_disk()")
    with pytest.raises(Unavailable):
        await ledger.record([entry("a", ("x", 1))])
    assert kept.rows("SELECT * FROM entries") == []
    kept.change("DROP TRIGGER full_disk ON balances")
    assert await ledger.record([entry("a", ("x", 1))]) == 1


async def test_each_day_has_its_partition_and_the_next_one_is_made_ahead(kept, ledger):
    await ledger.record([entry("a", at=20_000.0 * DAY), entry("b", at=20_001.0 * DAY - 0.001)])
    assert partitions(kept) == ["entries_20241004", "entries_20241005"]
    await ledger.record([entry("c", at=20_001.0 * DAY)])
    assert partitions(kept)[-1] == "entries_20241006"
    assert kept.rows("SELECT id FROM entries_20241005") == [("c",)]


def partitions(kept):
    return [name for (name,) in kept.rows("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = "
                                          "'entries'::regclass ORDER BY 1")]  # fmt: skip


async def test_a_day_that_somebody_dropped_is_made_again(kept, ledger):
    await ledger.record([entry("a", ("x", 1), at=0.0)])
    kept.change("DROP TABLE entries_19700101")
    assert await ledger.record([entry("b", ("x", 1), at=1.0)]) == 1
    assert balances(kept) == {"x": 2}


async def test_many_write_the_same_at_once(kept):
    """As replicas do that begin a day together, and one that replays what another has booked."""
    ledgers = [kept.open(f"{n}") for n in range(4)]
    days = [[entry(f"{n}.{day}", ("x", 1), ("y", 2), at=day * DAY * 1.0) for day in range(6)] for n in range(3)]
    recorded = await asyncio.gather(*(one.record(batch) for one in ledgers for batch in (*days, days[0][::-1])))
    assert sum(recorded) == 18
    assert balances(kept) == {"x": 18, "y": 36}
    for ledger in ledgers:
        ledger.close()


async def test_several_that_start_at_once_bring_the_schema_up_together(postgres):
    url = postgres.url(postgres.database())
    ledgers = [PostgresLedger(url) for _ in range(5)]
    await asyncio.gather(*(ledger.open() for ledger in ledgers))
    assert await ledgers[0].record([entry("a")]) == 1
    for ledger in ledgers:
        ledger.close()


def test_what_is_written_is_what_the_last_revision_makes():
    config = Config()
    config.set_main_option("script_location", "gateway.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [postgres_schema.HEAD]


async def test_entries_from_before_answers_had_names_stay(kept, ledger):
    await ledger.open()
    kept.change("ALTER TABLE entries DROP COLUMN answer_id")
    kept.change("DROP TABLE feedback")
    kept.change("UPDATE alembic_version SET version_num = '0001'")
    again = kept.open()
    await again.record([entry("new.1", answer_id="resp_1")])
    assert ids(await again.find("resp_1")) == ["new.1"]
    again.close()


async def test_a_newer_schema_is_not_touched(kept, ledger):
    kept.change("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerUnfit, match="newer version"):
        await ledger.open()


async def test_another_encoding_is_refused_before_it_loses_a_name(postgres):
    name = postgres.database(options="ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    with closing(PostgresLedger(postgres.url(name))) as ledger, pytest.raises(LedgerUnfit, match="UTF8"):
        await ledger.open()


async def test_gateways_that_do_not_share_their_limits_do_not_share_a_ledger(kept):
    one, same, other, sharing = (PostgresLedger(kept.url, home=home) for home in ("a", "a", "b", None))
    await one.open()
    await same.open()
    for wrong in (other, sharing):
        with pytest.raises(LedgerUnfit, match="does not share its limits"):
            await wrong.open()
    one.close()
    same.close()
    await asyncio.sleep(0.2)  # The server takes note of it.
    await sharing.open()
    with pytest.raises(LedgerUnfit):
        await other.open()
    for ledger in (other, sharing):
        ledger.close()


async def test_what_is_unfit_later_is_as_if_away(postgres, kept, caplog):
    """While PostgreSQL was restarted, say, a gateway came that does not share its limits with this one."""
    one, other = PostgresLedger(kept.url, home="a"), PostgresLedger(kept.url, home="b")
    await one.open()
    postgres.stop()
    postgres.start()
    await other.open()
    with pytest.raises(Unavailable):
        await one.record([entry("a", ("x", 1))])
    assert "does not share its limits" in caplog.text
    other.close()
    await asyncio.sleep(0.2)
    assert await one.record([entry("a", ("x", 1))]) == 1
    one.close()


async def test_what_changes_the_past_waits_for_nobody_and_keeps_gateways_out(kept, monkeypatch):
    monkeypatch.setattr(postgres_schema, "_SESSION", "SET statement_timeout = '200ms'; SET search_path = fareway")
    gateway = PostgresLedger(kept.url)
    await gateway.open()
    with pytest.raises(LedgerUnfit, match="a gateway is running"), books.unwritten(kept.url):
        pass
    gateway.close()
    command, late = PostgresLedger(kept.url, command=True), PostgresLedger(kept.url)
    await asyncio.sleep(0.2)
    with books.unwritten(kept.url):
        assert await command.record([entry("a")]) == 1
        with pytest.raises(Unavailable):
            await late.open()
    await late.open()
    for ledger in (command, late):
        ledger.close()


@pytest.mark.parametrize("wrong", ["password", "port", "address"])
async def test_the_password_is_never_told(kept, caplog, wrong):
    url = {
        "password": kept.url.replace(QUOTED, f"{QUOTED}x"),
        "port": kept.url.replace(f":{kept.url.rsplit(':', 1)[1].split('/')[0]}/", f":{free_port()}/"),
        "address": kept.url.replace(QUOTED, PASSWORD),
    }[wrong]
    with pytest.raises((Unavailable, LedgerUnfit)) as told, closing(PostgresLedger(url)) as ledger:
        await ledger.open()
    with pytest.raises((Unavailable, LedgerUnfit)) as read, books.reading(url):
        pass
    said = caplog.text + "".join("".join(traceback.format_exception(one.value)) for one in (told, read))
    assert "hush" not in said
    assert wrong != "password" or "password authentication failed" in said


async def test_reading_says_why_it_cannot(postgres):
    with pytest.raises(Unavailable, match="none yet"), books.reading(postgres.url(postgres.database())) as reader:
        reader.prices()


async def test_a_report_sees_one_moment_and_is_as_long_as_it_likes(kept, ledger):
    await ledger.record([entry(f"r{n:05}.1") for n in range(5000)])
    with kept.reading() as reader:
        found = reader.entries(0, 10)
        first = next(found)
        await ledger.record([entry("late.1")])
        assert len([first, *found]) == 5000
        assert reader.usage(["model"], 0, 10)[0]["calls"] == 5000


async def test_unresolved_calls_of_a_replica_are_booked_from_its_journal(kept, ledger, tmp_path):
    with closing(Journal(tmp_path, SYNC_NEVER)) as journal:
        await journal.open(held("r.1", ("x", 100), replica="a"))
        journal.settle(entry("s.1", ("x", 5), replica="a"))
        await Mover(journal, ledger).move()
    with closing(Journal(tmp_path, SYNC_NEVER)) as journal:
        assert await Mover(journal, ledger).recover() == (1, 1)
    assert ids(await ledger.find("r")) == ["r.1"]
    assert balances(kept) == {"x": 105}
