"""What `fareway doctor` finds right and wrong."""

from __future__ import annotations

import json
import resource

import pytest
from charges import entry
from hook import Hook
from stores.redis_server import BINARY, RedisServer

from gateway.cli import doctor, surroundings
from gateway.cli.main import main
from gateway.core.request import Facts
from gateway.ledger.records import Kind, line
from gateway.ledger.sqlite import SqliteLedger
from gateway.tokens import kept, measure
from gateway.tokens.calibration import Calibration


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys):
    status = main(["doctor", "--json"])
    return status, {row["check"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_fresh_home_is_well(home, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "PRICES_OLD_DAYS", 10**6)
    status, checks = told(capsys)
    assert status == 0
    assert set(checks) >= {"configuration", "home", "prices", "open files", "disk", "permissions", "journal"}
    assert str(home) in checks["home"]["found"]


def test_a_gateways_key_where_a_providers_belongs_is_told(home, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"fw-{'a' * 12}-{'b' * 43}")
    _, checks = told(capsys)
    assert checks["environment"]["state"] == "warn"
    assert "OPENAI_API_KEY" in checks["environment"]["found"]


def test_old_prices_without_a_feed_are_told(home, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "PRICES_OLD_DAYS", -(10**6))
    status, checks = told(capsys)
    assert status == 0
    assert checks["prices"]["state"] == "warn"
    assert "prices.feed" in checks["prices"]["do"]
    assert "no feed" in checks["prices"]["found"]


def test_a_home_that_cannot_be_written_to_is_told(home, capsys, monkeypatch):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    status, checks = told(capsys)
    assert status == 1
    assert "cannot be written" in checks["home"]["found"]


@pytest.mark.parametrize(("calls", "said"), [(10, "bound by bytes"), (200, "bound in use")])
def test_what_was_learned_is_told_by_model(home, capsys, calls, said):
    learned = Calibration()
    for _ in range(calls):
        learned.learn(measure(b"some words " * 20, Facts("m")), "openai/m", 60, bound=1000)
    kept.save(kept.learned_path(home, 3), learned.remembered())
    _, checks = told(capsys)
    found = checks["tokens-3 openai/m text"]["found"]
    assert f"over {calls} calls, {said}" in found


@pytest.fixture
def shared(home, monkeypatch):
    """Makes a Redis, and a configuration that names it."""
    made = []

    def make(*options):
        made.append(RedisServer(home / "redis", options).start())
        file = home / "fareway.yaml"
        file.write_text(f"state: {made[0].patient_url}\n")
        monkeypatch.setenv("FAREWAY_CONFIG", str(file))
        return made[0]

    yield make
    for server in made:
        server.kill()


@pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
def test_a_shared_store_is_looked_at(shared, capsys):
    server = shared()
    checks = told(capsys)[1]
    assert checks["store"]["state"] == "ok"
    assert checks["clock"]["state"] == "ok"
    assert "the store's, by which windows go" in checks["clock"]["found"]
    server.kill()
    status, checks = told(capsys)
    assert status == 1
    assert checks["store"]["found"] == "The store of limits does not answer."
    assert "clock" not in checks


@pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
def test_a_shared_store_that_may_forget_is_told(shared, capsys):
    shared("--maxmemory-policy", "volatile-lru")
    status, checks = told(capsys)
    assert status == 1
    assert checks["store"]["found"] == (
        "The store of limits may forget (maxmemory-policy volatile-lru): set it to noeviction."
    )


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (surroundings.files(1024), "warn"),
        (surroundings.files(65_536), "ok"),
        (surroundings.files(resource.RLIM_INFINITY), "ok"),
        (surroundings.room(50 * 2**20), "fail"),
        (surroundings.room(500 * 2**20), "warn"),
        (surroundings.room(50 * 2**30), "ok"),
    ],
)
def test_files_and_room_are_looked_at(found, state):
    assert found["state"] == state
    assert bool(found["do"]) == (state != "ok")


def test_a_home_that_others_may_look_into_is_told(home, capsys):
    home.chmod(0o755)
    (home / "ledger.db").touch(0o644)
    _, checks = told(capsys)
    assert checks["permissions"]["state"] == "warn"
    assert "ledger.db" in checks["permissions"]["found"]
    (home / "pepper").write_bytes(b"x" * 32)
    (home / "pepper").chmod(0o644)
    status, checks = told(capsys)
    assert status == 1
    assert checks["permissions"]["do"] == f"chmod 700 {home}"
    home.chmod(0o700)
    assert told(capsys)[1]["permissions"]["state"] == "ok"


def test_a_state_that_cannot_be_read_is_told(home, capsys):
    assert main(["keys", "create"]) == 0
    capsys.readouterr()
    assert told(capsys)[1]["state"]["found"] == f"1 keys in {home / 'state.db'}"
    (home / "state.db").write_bytes(b"nothing that a database would begin with" * 100)
    status, checks = told(capsys)
    assert status == 1
    assert checks["state"]["found"] == f"{home / 'state.db'} cannot be read: file is not a database"


@pytest.fixture
def books(home, capsys):
    """Those of a home in which a gateway has run."""
    assert main(["keys", "create"]) == 0
    capsys.readouterr()
    SqliteLedger(home / "ledger.db").close()
    (home / "lives").write_text("0")
    return home / "ledger.db", home / "state.db"


def test_books_that_are_gone_are_told_as_at_a_start(books, capsys):
    assert "books" not in told(capsys)[1]
    for path in books:
        path.unlink()
    assert main(["doctor", "--json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["check"] == "books"]
    assert [(row["state"], row["found"].partition(",")[0]) for row in rows] == [
        ("warn", f"{path} is not there") for path in books
    ]


@pytest.mark.parametrize("place", [0, 1])
def test_books_that_were_emptied_are_told_as_at_a_start(books, capsys, place):
    books[place].write_bytes(b"")
    status, checks = told(capsys)
    assert status == 1
    assert checks["books"]["state"] == "fail"
    assert checks["books"]["found"].startswith(f"{books[place]} is empty: put it back from a backup")
    assert not {"ledger", "state"} <= checks.keys(), "what is told once is not told again in other words"


def test_a_journal_is_read_and_its_damage_told(home, capsys):
    (home / "journal").mkdir()
    left = home / "journal" / "000000000001.journal"
    left.write_bytes(line(Kind.OPEN, entry()))
    assert "1 calls in flight or left, 0 damaged" in told(capsys)[1]["journal"]["found"]
    left.write_bytes(line(Kind.OPEN, entry()) + b"torn")
    assert told(capsys)[1]["journal"]["state"] == "warn"


def test_a_ledger_that_is_none_is_told(home, capsys):
    (home / "ledger.db").write_bytes(b"no database, but long enough to be looked at" * 50)
    status, checks = told(capsys)
    assert status == 1
    assert checks["ledger"]["state"] == "fail"


def test_providers_are_connected_to_and_asked_nothing(home, capsys, monkeypatch):
    hook = Hook()
    file = home / "fareway.yaml"
    file.write_text(f"""
providers:
  here: {{base_url: "{hook.url}"}}
  gone: {{base_url: "http://127.0.0.1:9/v1"}}
  sim: {{kind: sim}}
""")
    monkeypatch.setenv("FAREWAY_CONFIG", str(file))
    status, checks = told(capsys)
    hook.stop()
    assert status == 0
    assert checks["provider here"]["state"] == "ok"
    assert checks["provider gone"]["state"] == "warn"
    assert "provider sim" not in checks  # It is built in, and has no address before the gateway runs.
    assert hook.got == []
