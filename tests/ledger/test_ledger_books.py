"""The ledger: every entry once, and balances that are the sum of what the entries charge, always."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing

import msgspec
import pytest
from entries import entry, ids
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import balances

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.ledger.rows import COLUMNS
from gateway.ledger.sqlite import SqliteLedger

ACCOUNTS = st.one_of(
    st.sampled_from(["all/usd/month@2026", "key:a/tokens/minute@x"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)
CHARGES = st.lists(st.tuples(ACCOUNTS, st.integers(0, 2**50)), max_size=3, unique_by=lambda charge: charge[0])
ENTRIES = st.lists(st.tuples(st.integers(0, 8), CHARGES), max_size=12)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ENTRIES, st.data())
def test_any_order_and_any_repetition_come_to_the_same(kept, drawn, data):
    """Whatever is recorded again, in whatever batches: balances are the sum over distinct ids."""
    kept.made = made = getattr(kept, "made", 0) + 1  # One ledger for all that is drawn: each has names of its own.
    distinct = {
        f"{made}/{number}.1": entry(f"{made}/{number}.1", *((f"{made}/{name}", amount) for name, amount in charges))
        for number, charges in drawn
    }
    told = data.draw(st.lists(st.sampled_from(sorted(distinct)), max_size=30)) if distinct else []
    told = data.draw(st.permutations([*told, *distinct]))
    sums = Counter()
    for one in distinct.values():
        sums.update(dict(one.charges))

    async def tell():
        with closing(kept.open()) as ledger:
            new, left = 0, [distinct[name] for name in told]
            while left:
                size = data.draw(st.integers(1, len(left)))
                new += await ledger.record(left[:size])
                left = left[size:]
            assert new == len(distinct)
            assert await ledger.balances(list(sums)) == dict(sums)
            for name, one in distinct.items():
                assert await ledger.find(name.rpartition(".")[0]) == [one]

    asyncio.run(tell())
    assert {name: spent for name, spent in balances(kept).items() if name.startswith(f"{made}/")} == dict(sums)


async def test_the_first_word_on_an_id_is_the_last(ledger):
    assert await ledger.record([entry("a", ("x", 5))]) == 1
    assert await ledger.record([entry("a", ("x", 7), ("y", 1))]) == 0
    assert await ledger.balances(["x", "y"]) == {"x": 5}


async def test_nothing_to_record_is_no_trouble(ledger):
    assert await ledger.record([]) == 0
    assert await ledger.balances([]) == {}
    assert await ledger.find("nothing") == []


async def test_entries_of_a_request_come_in_order_and_whole(ledger):
    await ledger.record([entry("r.2", ("x", 1)), entry("s.1"), entry("r.1", attempts=("tried",), first_token_ms=3)])
    assert ids(await ledger.find("r")) == ["r.1", "r.2"]
    assert await ledger.find("s") == [entry("s.1")]


async def test_an_unpriced_entry_has_no_cost_and_not_a_cost_of_nought(ledger, kept):
    await ledger.record([entry("a", cost=UNPRICED), entry("b", cost=Cost(Money(0), CostStatus.EXACT))])
    assert dict(kept.rows("SELECT id, cost_picos FROM entries")) == {"a": None, "b": 0}


async def test_columns_say_what_the_entry_says(ledger, kept):
    whole = entry("r.1", ("x", 2), saved_nanos=4)
    await ledger.record([whole])
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    row = dict(zip(COLUMNS, kept.rows(f"SELECT {columns} FROM entries")[0], strict=True))
    assert msgspec.json.decode(row["entry"], type=Entry) == whole
    assert (row["request_id"], row["cost_picos"], row["saved_nanos"], row["charges"]) == ("r", 7, 4, '[["x",2]]')
    assert (row["org"], row["team"], row["user"], row["outcome"]) == ("org", "team", "user", "ok")
    assert (row["input_tokens"], row["cached_tokens"], row["output_tokens"]) == (3, 0, 4)


async def test_every_character_that_a_provider_may_send_is_kept(ledger):
    odd = entry("r.1", ("team:\0/usd", 2), served_model="a\0b\u2028\x1f", usage_raw='{"\\u0000": "\0"}')
    assert await ledger.record([odd]) == 1
    assert await ledger.find("r") == [odd]
    assert await ledger.balances(["team:\0/usd"]) == {"team:\0/usd": 2}


@pytest.mark.parametrize(
    "bad",
    [
        entry("bad.1", ("x", 2**63)),
        entry("bad.1", ("x", 2**80)),
        entry("bad.1", cost=Cost(Money(2**63), CostStatus.EXACT)),
    ],
)
async def test_an_entry_that_no_book_can_hold_keeps_no_other_out(ledger, bad):
    """Else one absurd figure would fill the journal for ever, and stop every start."""
    await ledger.record([entry("a.1", ("x", 1)), bad, entry("b.1", ("x", 2))])
    assert await ledger.balances(["x"]) == {"x": 3}
    assert ids(await ledger.find("b")) == ["b.1"]


async def test_a_locked_database_is_unavailable_and_nothing_is_half_done(ledger, kept):
    await ledger.record([entry("a", ("x", 1))])
    with kept.locked():
        with pytest.raises(Unavailable):
            await ledger.record([entry("b", ("x", 2))])
        assert await ledger.balances(["x"]) == {"x": 1}, "reading goes on"
    assert await ledger.record([entry("b", ("x", 2))]) == 1
    assert await ledger.balances(["x"]) == {"x": 3}


async def test_a_database_that_is_none_is_said_at_the_start(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match=r"ledger.db cannot be opened: file is not a database"):
        SqliteLedger(tmp_path / "ledger.db")


async def test_it_is_all_there_after_a_restart(kept):
    for number in range(3):
        ledger = kept.open()
        assert await ledger.record([entry("same", ("x", 1)), entry(f"{number}", ("x", 1))]) == (2 if number == 0 else 1)
        ledger.close()
    assert balances(kept) == {"x": 4}


async def test_the_newest_is_known(ledger):
    assert await ledger.newest() == 0
    await ledger.record([entry("a", at=1.8e9 + 0.123456), entry("b", at=5.0)])
    assert await ledger.newest() == 1.8e9 + 0.123456


async def test_old_short_windows_are_swept_and_no_other(ledger):
    names = [
        "key:a/requests/minute@2026-01-01T00:00:00+00:00",
        "key:a/requests/minute@2026-01-01T00:01:00+00:00",
        "key:a/usd/hour@2026-01-01T00:00:00+05:30",
        "key:a/usd/day@2026-01-01T00:00:00+00:00",
        "key:a/usd/lifetime@always",
        "key:/minute@x/usd/lifetime@always",
    ]
    await ledger.record([entry("a", *((name, 1) for name in names))])
    assert await ledger.sweep(1767225630.0) == 2  # Half a minute into 2026.
    assert set(await ledger.balances(names)) == set(names) - {names[0], names[2]}
    assert await ledger.sweep(1767225630.0) == 0


async def test_many_at_once(ledger):
    """Concurrent writers wait for each other; nothing is lost or doubled."""
    batches = [[entry(f"{n}.{i}", ("x", 1), (f"y{n % 3}", i)) for i in range(20)] for n in range(30)]
    assert sum(await asyncio.gather(*(ledger.record(batch) for batch in batches))) == 600
    found = await ledger.balances(["x", "y0", "y1", "y2"])
    assert found == {"x": 600, "y0": 1900, "y1": 1900, "y2": 1900}


async def test_each_replica_has_balances_of_its_own_and_all_together_are_the_sum(kept):
    ledgers = {name: kept.open(name) for name in (None, "a", "b")}
    charged = [("r1.1", "a", 5), ("r2.1", "b", 7), ("r3.1", "a", 1), ("r4.1", "", 2)]
    await ledgers["a"].record([entry(name, ("x", amount), replica=replica) for name, replica, amount in charged])
    assert {name: await ledger.balances(["x", "y"]) for name, ledger in ledgers.items()} == {
        None: {"x": 15}, "a": {"x": 6}, "b": {"x": 7},
    }  # fmt: skip
    assert sorted(await ledgers[None].all_balances()) == [("x", "", 2), ("x", "a", 6), ("x", "b", 7)]
    for ledger in ledgers.values():
        ledger.close()


async def test_a_ledger_from_before_there_were_replicas_keeps_its_balances(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(BEFORE_REPLICAS)
    for _ in range(2):
        ledger = SqliteLedger(path, "a")
        await ledger.record([entry("r1.1", ("x", 5), replica="a"), entry("old.1", ("x", 9))])
        assert await ledger.balances(["x"]) == {"x": 5}
        assert sorted(await ledger.all_balances()) == [("x", "", 30), ("x", "a", 5)]
        ledger.close()


async def test_entries_are_found_by_the_name_that_the_provider_gave_its_answer(ledger):
    await ledger.record([
        entry("r2.1", at=9.0, answer_id="chatcmpl-1"), entry("r1.2", at=5.0, answer_id="chatcmpl-1"),
        entry("r1.1", at=4.0), entry("r3.1", at=6.0, answer_id="r1"), entry("odd.1", at=7.0, answer_id="a\0' b"),
    ])  # fmt: skip
    assert ids(await ledger.find("chatcmpl-1")) == ["r1.2", "r2.1"], "by time: two providers may use the same name"
    assert ids(await ledger.find("r1")) == ["r1.1", "r1.2"], "a request's own name comes first"
    assert ids(await ledger.find("a\0' b")) == ["odd.1"]
    assert await ledger.find("") == []
    assert await ledger.find("chatcmpl") == []


async def test_a_ledger_from_before_answers_had_names_keeps_what_it_has(tmp_path):
    path = tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        await ledger.record([entry("old.1", ("x", 5))])
    with closing(sqlite3.connect(path)) as old:
        old.executescript("DROP INDEX entries_by_answer; ALTER TABLE entries DROP COLUMN answer_id")
    opened = await asyncio.gather(*(asyncio.to_thread(SqliteLedger, path) for _ in range(4)))
    await opened[0].record([entry("new.1", ("x", 7), answer_id="resp_1")])
    assert ids(await opened[1].find("resp_1")) == ["new.1"]
    assert ids(await opened[2].find("old")) == ["old.1"]
    assert await opened[3].balances(["x"]) == {"x": 12}
    for ledger in opened:
        ledger.close()


BEFORE_REPLICAS = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, at REAL NOT NULL,
    key_id TEXT NOT NULL, org TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL,
    asked_model TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, tier TEXT NOT NULL,
    deployment TEXT NOT NULL, outcome TEXT NOT NULL, cost_status TEXT NOT NULL,
    cost_picos INTEGER, saved_nanos INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    charges TEXT NOT NULL, entry BLOB NOT NULL
) STRICT;
CREATE TABLE balances (account TEXT PRIMARY KEY, spent INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER entries_are_charged AFTER INSERT ON entries BEGIN
    INSERT INTO balances SELECT value ->> 0, value ->> 1 FROM json_each(new.charges) WHERE true
    ON CONFLICT (account) DO UPDATE SET spent = spent + excluded.spent;
END;
INSERT INTO entries VALUES ('old.1', 'old', 1.5, 'k', 'o', 't', 'u', 'm', 'p', 'm', 's', 'api', 'ok', 'exact', 7, 0,
    3, 0, 4, '[["x", 30]]', x'7b7d');
"""
