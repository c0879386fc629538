"""Another number of workers from run to run, on the same home: what was spent stays spent."""

import asyncio
import sqlite3
import time
from contextlib import closing

import harness
import pytest
from crowd import chat, crowd
from road import Road, entries

LIMITS = "limits:\n  - {node: all, amount: 30 requests, window: lifetime}\n"
LEFT_BY_AN_EARLIER_VERSION = """
CREATE TABLE old AS SELECT account, sum(spent) AS spent FROM balances GROUP BY account;
DROP TABLE balances;
DROP TRIGGER IF EXISTS entries_are_charged;
CREATE TABLE balances (account TEXT PRIMARY KEY, spent INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO balances SELECT account, spent FROM old;
DROP TABLE old;
DROP INDEX entries_by_answer;
ALTER TABLE entries DROP COLUMN answer_id;
ALTER TABLE entries DROP COLUMN replica;
CREATE TRIGGER entries_are_charged AFTER INSERT ON entries BEGIN
    INSERT INTO balances SELECT value ->> 0, value ->> 1 FROM json_each(new.charges) WHERE true
    ON CONFLICT (account) DO UPDATE SET spent = spent + excluded.spent;
END;
"""


@pytest.fixture
def sim(tmp_path):
    found = harness.simulator(tmp_path / "sim")
    yield found
    found.stop()


def run(sim, home, workers, calls, *, kill=False, tokens=None, limits=LIMITS):
    """One life of a gateway: how its calls were answered, and its tokens."""
    config = f"server: {{workers: {workers}}}\nproviders:\n  sim: {{base_url: {sim.url}/v1}}\n{limits}"
    gate = harness.gateway(home, config)
    way = Road(sim, gate, *(tokens or gate.tokens))
    answers = asyncio.run(crowd(way, way.first, callers=8, calls=calls, body=chat()))
    if kill:
        gate.kill()
    else:
        way.rest()
        assert gate.stop() == 0, gate.stderr
    return dict(answers.statuses), (way.admin, way.first)


def test_what_was_spent_stays_spent_however_many_workers_there_are(tmp_path, sim):
    home = tmp_path / "gate"
    said, tokens = run(sim, home, 1, 5)
    assert said == {200: 5}
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        ledger.executescript(LEFT_BY_AN_EARLIER_VERSION)
    for workers, kill in ((3, False), (2, True), (4, True), (1, False), (2, False)):
        said, _ = run(sim, home, workers, 4, kill=kill, tokens=tokens)
        assert said == {200: 4}, workers
    said, _ = run(sim, home, 3, 10, tokens=tokens)
    assert said == {200: 5, 429: 5}
    said, _ = run(sim, home, 1, 2, tokens=tokens)
    assert said == {429: 2}
    assert len(entries(home)) == 30


def test_one_process_books_what_killed_workers_left_in_their_journals(tmp_path, sim):
    home, limits = tmp_path / "gate", "limits:\n  - {node: all, amount: 6 requests, window: lifetime}\n"
    said, tokens = run(sim, home, 2, 4, kill=True, limits=limits)
    assert said == {200: 4}
    said, _ = run(sim, home, 1, 4, tokens=tokens, limits=limits)
    assert said == {200: 2, 429: 2}
    assert len(entries(home)) == 6


def test_what_was_spent_in_a_rolling_window_stays_so_however_many_workers_there_are(tmp_path, sim):
    home, tokens = tmp_path / "gate", None
    limits = "limits:\n  - {node: all, amount: 20 requests, window: rolling 1h}\n"
    for workers, kill in ((1, False), (3, False), (2, True), (1, True), (3, False)):
        said, tokens = run(sim, home, workers, 4, kill=kill, tokens=tokens, limits=limits)
        assert said == {200: 4}, workers
    said, _ = run(sim, home, 2, 4, tokens=tokens, limits=limits)
    assert said == {429: 4}


def test_what_workers_spent_that_run_no_more_leaves_the_rolling_window_too(tmp_path, sim):
    home = tmp_path / "gate"
    limits = "limits:\n  - {node: all, amount: 24 requests, window: rolling 10s}\n"
    said, tokens = run(sim, home, 3, 24, limits=limits)
    assert said == {200: 24}
    config = f"server: {{workers: 2}}\nproviders:\n  sim: {{base_url: {sim.url}/v1}}\n{limits}"
    gate = harness.gateway(home, config)
    try:
        time.sleep(13)
        answers = asyncio.run(crowd(Road(sim, gate, *tokens), tokens[1], callers=8, calls=24, body=chat()))
        assert answers.statuses == {200: 24}
    finally:
        assert gate.stop() == 0, gate.stderr
