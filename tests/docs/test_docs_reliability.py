"""The table of docs/reliability.md says what was shown, and no more."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "scripts" / "reliability.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trial(how, *, met=True, because="", **others):
    return {
        "row": "U4",
        "how": how,
        "figure": "0 of 9",
        "target": "0",
        "met": met,
        "because": because,
        "full": True,
    } | others


def test_a_row_is_met_if_each_of_its_trials_is(made):
    assert made.row_of([trial("a"), trial("b")], "2026-11-22")["met"] is True
    assert made.row_of([trial("a"), trial("b", met=False), trial("c", met=None)], "2026-11-22")["met"] is False
    assert made.row_of([trial("a"), trial("b", met=None)], "2026-11-22")["met"] is None


def test_what_was_not_run_this_time_keeps_its_figures(made):
    known = {
        "rows": {"U4": made.row_of([trial("old")], "2026-01-01"), "C1": made.row_of([trial("kept")], "2026-01-01")}
    }
    rows = made.merged(known, {"U4": [trial("new")]}, "2026-11-22")["rows"]
    assert list(rows) == ["U4", "C1"]
    assert rows["U4"]["figure"] == "new: 0 of 9"
    assert rows["U4"]["date"] == "2026-11-22"
    assert rows["C1"]["date"] == "2026-01-01"


def test_the_table_has_every_row_and_why_one_is_missed(made):
    shown = {"U4": [trial("cut | anywhere", met=False, because="nobody can"), trial("garbled", full=False)]}
    table = made.table(made.merged({}, shown, "2026-11-22"))
    lines = table.splitlines()
    assert sum(line.startswith("| ") for line in lines) - 1 == len(made.GOALS) + 1
    assert any(r"cut \| anywhere" in line and "**no**" in line for line in lines)
    assert any("garbled" in line and "short form" in line for line in lines)
    assert "* U4, cut | anywhere: nobody can." in lines
    assert table.count("not shown") == len(made.GOALS) - 1


def test_what_benchmarks_recorded_stands_beside_what_was_run(made):
    """With its own day, once, and also where the row was not run this time."""
    recorded = {"U4": [trial("bench", measured="2026-11-01")], "B1": [trial("alone", measured="2026-11-02")]}
    figures = made.merged({}, {"U4": [trial("new")]}, "2026-11-22", recorded)
    again = made.merged(figures, {}, "2026-11-23", recorded)
    assert again["rows"] == figures["rows"]
    assert [one["how"] for one in again["rows"]["U4"]["trials"]] == ["new", "bench"]
    lines = made.table(again).splitlines()
    assert ["2026-11-02" in line for line in lines if "alone" in line] == [True]
    assert ["2026-11-01" in line for line in lines if "bench" in line] == [True]


def test_a_benchmark_that_lost_a_charge_is_a_row_missed(made, tmp_path):
    figures = {"overspend_usd": 0.0, "formula_usd": 0.0, "within_formula": True, "lost": 0, "doubled": 0}
    figures["overspend_pct"] = 0.0
    figures |= {"wrongly_refused": 0, "utilisation_pct": 99.8, "recover_s": None}
    about = {"command": "make bench-limits", "date": "2026-11-21T15:53:39+00:00"}
    found = {"strict": {"fareway": figures}, "progressive": {"fareway": figures | {"overspend_pct": 0.6}}}
    found |= {"crash": {"fareway": figures | {"lost": 1}}}
    (tmp_path / "limits.json").write_text(json.dumps({"about": about, "scenarios": found}))
    shown = made.shown_by_benchmarks(tmp_path)
    verdicts = {row: [one["met"] for one in trials] for row, trials in shown.items()}
    assert verdicts == {"B1": [True], "B3": [False], "B6": [False]}
    assert shown["B1"][0]["measured"] == "2026-11-21"
    assert made.shown_by_benchmarks(tmp_path / "nowhere") == {}


def test_trials_are_read_by_row(made, tmp_path):
    (tmp_path / "U4").mkdir()
    (tmp_path / "U4" / "one.json").write_text(json.dumps([trial("a"), trial("b")]))
    assert {row: [one["how"] for one in found] for row, found in made.trials(tmp_path).items()} == {"U4": ["a", "b"]}


def test_the_page_has_a_place_for_the_table(made):
    page = made.PAGE.read_text()
    assert made.with_table(page, "\nHERE\n").count("HERE") == 1
