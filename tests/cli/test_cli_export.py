"""`fareway usage export`: files for other programs, from a ledger."""

import asyncio
import csv
import io
import json
from decimal import Decimal

import pytest
from booked_calls import call, price, priced
from pyarrow import parquet

from gateway.cli.main import main
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger

BIG = price("big@1", 2_500_000)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Two calls of today's and one without a price."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.setattr("time.time", lambda: 100_000.0)

    async def written():
        ledger = SqliteLedger(tmp_path / "ledger.db")
        await ledger.note([BIG])
        usage = Usage(input=400_000)
        await ledger.record([*(priced(BIG, usage, at=at) for at in (90_000.0, 99_000.0)), call(at=99_001.0, usd=None)])
        ledger.close()

    asyncio.run(written())
    return tmp_path


def test_one_row_a_call_as_csv(home, capsys):
    assert main(["usage", "export"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["cost_usd"] for row in rows] == ["1.00", "1.00", ""]
    assert [row["input_tokens"] for row in rows] == ["400000", "400000", "0"]


def test_as_json_lines_of_a_period(home, capsys):
    assert main(["usage", "export", "--format=json", "--since=1h"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["cost_usd"] for row in rows] == ["1.00", None]


def test_as_parquet_into_a_file(home, capsys):
    assert main(["usage", "export", "--format=parquet", "--out=calls.parquet"]) == 0
    assert parquet.read_table(home / "calls.parquet").column("cost_usd").to_pylist() == [Decimal(1), Decimal(1), None]
    assert [path.name for path in home.glob("*part*")] == []
    assert main(["usage", "export", "--format=parquet"]) == 1
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize(("version", "name"), [("1.2", "ProviderName"), ("1.4", "ServiceProviderName")])
def test_as_focus_charges_with_a_word_about_what_is_in_none(home, capsys, version, name):
    assert main(["usage", "export", "--format=focus", f"--focus-version={version}"]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [(row["EffectiveCost"], row[name]) for row in rows] == [("1.00", "p"), ("1.00", "p")]
    assert "1 calls without a price are in no charge" in err


def test_focus_charges_as_parquet(home):
    assert main(["usage", "export", "--format=focus", "--out=charges.parquet"]) == 0
    assert sum(parquet.read_table(home / "charges.parquet").column("BilledCost").to_pylist()) == 2


def test_a_file_that_cannot_be_written_is_said_and_none_is_left(home, capsys):
    (home / "taken").mkdir()
    assert main(["usage", "export", "--out=taken"]) == 1
    assert "cannot write taken" in capsys.readouterr().err
    assert main(["usage", "export", "--out=missing/calls.csv"]) == 1
    assert not list(home.glob("**/*.part"))
