"""Rows print as a table people can read, JSON that parses, and CSV that no spreadsheet runs."""

import csv
import io
import json

import pytest

from gateway.cli.table import print_rows

ROWS = [
    {"name": "alpha", "calls": 5, "cost_usd": "0.50", "good": True, "note": None},
    {"name": "b", "calls": 1000, "cost_usd": "12.00", "good": False, "note": "x"},
]
COLUMNS = ["name", "calls", "cost_usd", "note"]


def printed(capsys, rows, columns, form):
    print_rows(rows, columns, form)
    return capsys.readouterr().out


def test_a_table_has_its_numbers_to_the_right_and_dashes_for_nothing(capsys):
    lines = printed(capsys, ROWS, COLUMNS, "table").splitlines()
    assert lines == [
        "name   calls  cost_usd  note",
        "alpha      5      0.50  -",
        "b       1000     12.00  x",
    ]


def test_yes_and_no_are_words(capsys):
    lines = printed(capsys, ROWS, ["good"], "table").splitlines()
    assert [line.strip() for line in lines] == ["good", "yes", "no"]


def test_a_table_without_rows_is_its_head(capsys):
    assert printed(capsys, [], ["name", "cost_usd"], "table") == "name  cost_usd\n"


def test_a_column_that_a_row_does_not_have_is_empty(capsys):
    assert printed(capsys, [{"a": 1}], ["a", "b"], "table").splitlines()[1] == "1  -"


def test_json_has_every_field(capsys):
    assert json.loads(printed(capsys, ROWS, COLUMNS, "json")) == ROWS


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "\rx"])
def test_csv_holds_no_formula(capsys, text):
    out = printed(capsys, [{"name": text, "calls": -5}], ["name", "calls"], "csv")
    (row,) = csv.DictReader(io.StringIO(out, newline=""))
    assert row == {"name": f"'{text}", "calls": "-5"}


def test_csv_ends_its_records_as_the_standard_says(capsys):
    """RFC 4180: CRLF after each one, the head included."""
    rows = [{"name": "a", "calls": 1}, {"name": "b\nc", "calls": 2}, {"name": "d\re", "calls": 3}]
    out = printed(capsys, rows, ["name", "calls"], "csv")
    assert out == 'name,calls\r\na,1\r\n"b\nc",2\r\n"d\re",3\r\n'


def test_csv_has_the_columns_and_quotes_what_needs_it(capsys):
    out = printed(capsys, [{"name": 'a,"b"\nc', "other": 1}], ["name"], "csv")
    assert list(csv.DictReader(io.StringIO(out))) == [{"name": 'a,"b"\nc'}]
