"""`fareway prices rerate` on a ledger whose gateway does not run: what it shows, writes, and refuses."""

import json
import sqlite3
from contextlib import closing

import pytest

from gateway.cli.main import main
from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.sqlite import SqliteLedger

NOON = 1795176000.0  # 2026-11-20
CHEAP = "- {provider: openai, model: gpt-4o-mini, input: 0.10/M, output: 0.20/M}\n"
FEED = '[{"id": "openai", "models": [{"id": "gpt-4o-mini", "match": {"equals": "gpt-4o-mini"}, "prices": PRICES}]}]'


def entry(number, **more):
    plain = {
        "id": f"r{number}.1", "request_id": f"r{number}", "at": NOON, "caller": Caller("key"), "asked_model": "m",
        "provider": "openai", "model": "gpt-4o-mini", "served_model": "gpt-4o-mini", "tier": "standard",
        "selfhosted": False, "reason": "", "usage": Usage(input=1_000_000), "held_nanos": 0, "outcome": Outcome.OK,
        "cost": Cost(Money.usd("0.15"), CostStatus.EXACT, "p", Money.usd("0.15")), "status": 200,
        "charges": (("all/usd/lifetime@always", 150_000_000),),
    }  # fmt: skip
    return Entry(**plain | more)


@pytest.fixture
async def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    (tmp_path / "new.yaml").write_text(CHEAP)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    reported = Cost(Money.usd(1), CostStatus.REPORTED)
    await ledger.record(
        [entry(1), entry(2, model="gpt-4o", served_model="gpt-4o", at=NOON + 5), entry(3, cost=reported)]
    )
    ledger.close()
    return tmp_path


def run(capsys, *arguments):
    status = main(["prices", "rerate", "--from", "2026-11-20", "--to", "2026-11-21", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_it_shows_what_would_change_and_changes_nothing(home, capsys):
    before = (home / "ledger.db").read_bytes()
    status, out, _ = run(capsys, "--with", "new.yaml", "--model", "gpt-4o-mini")
    assert status == 0
    assert "-0.05" in out.splitlines()[-2]
    assert out.splitlines()[-1] == "1 adjusting entries would be written; kept as they are: 1, 1 reported."
    assert (home / "ledger.db").read_bytes() == before


def test_it_writes_adjustments_once_and_keeps_their_rates(home, capsys):
    arguments = ("--with", "new.yaml", "--provider", "openai", "--model", "gpt-4o-mini", "--format", "json", "--apply")
    told = json.loads(run(capsys, *arguments)[1])
    assert told["total"] == {
        "calls": 1, "changed": 1, "booked_usd": "0.15", "rerated_usd": "0.10", "difference_usd": "-0.05",
    }  # fmt: skip
    assert (told["kept"], told["applied"]) == ({"reported": 1}, True)
    assert json.loads(run(capsys, *arguments)[1])["total"]["changed"] == 0
    with closing(sqlite3.connect(home / "ledger.db")) as database:
        assert database.execute("SELECT spent FROM balances").fetchall() == [(400_000_000,)]
        assert len(database.execute("SELECT id FROM prices WHERE id LIKE 'override/%'").fetchall()) == 1


def test_a_feed_can_stand_in_for_todays(home, capsys):
    (home / "feed.json").write_text(FEED.replace("PRICES", '{"input_mtok": 0.2, "output_mtok": 1}'))
    told = json.loads(run(capsys, "--with", "feed.json", "--format", "json")[1])
    assert (told["total"]["difference_usd"], told["kept"]) == ("0.05", {"no price": 1, "reported": 1})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--with", "nowhere.yaml"], "cannot use nowhere.yaml"),
        (["--with", "bad.yaml"], "bad.yaml[0] sets no rate"),
        (["--with", "bad.json"], "the price feed is not readable"),
        (["--from", "once"], "neither a date nor a duration"),
        (["--from", "2026-13-99"], "neither a date nor a duration"),
    ],
)
def test_what_it_cannot_use_is_said_in_a_line(home, capsys, arguments, says):
    (home / "bad.yaml").write_text("- {model: m}\n")
    (home / "bad.json").write_text("[")
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert says in err
    assert "Traceback" not in err


def test_a_gateway_that_runs_is_not_written_behind_its_back(home, capsys):
    with closing(Journal(home / "journal", SYNC_NEVER)):
        status, out, err = run(capsys, "--with", "new.yaml", "--apply")
    assert (status, out) == (1, "")
    assert "a gateway is running with this home" in err


def test_without_a_ledger_there_is_nothing_to_price(home, capsys):
    (home / "ledger.db").write_bytes(b"no database" * 1000)
    assert "cannot read the ledger" in run(capsys)[2]
    (home / "ledger.db").unlink()
    assert "there is no ledger" in run(capsys)[2]
