"""Rows read back from a file are what was written, and no cell is a formula."""

import csv
import io
import json
from decimal import Decimal

import pytest
from pyarrow import parquet

from gateway.export import files
from gateway.export.files import FORMULA_STARTS, NoParquet, write_csv, write_json, write_parquet

COLUMNS = {"name": str, "count": int, "good": bool, "usd": Decimal}
ROWS = [
    {"name": 'a, "b"\n ü', "count": 2**40, "good": True, "usd": Decimal("0.000000000001")},
    {"name": None, "count": None, "good": None, "usd": None},
    {"name": "c", "count": -1, "good": False, "usd": Decimal("-12345678901.5")},
]


def written(write, rows, columns=COLUMNS):
    file = io.BytesIO()
    write(rows, columns, file)
    return file.getvalue()


def test_csv_has_every_digit_and_nothing_for_the_unknown():
    text = written(write_csv, ROWS).decode()
    assert text.startswith("name,count,good,usd\r\n")
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [
        {"name": 'a, "b"\n ü', "count": str(2**40), "good": "True", "usd": "0.000000000001"},
        {"name": "", "count": "", "good": "", "usd": ""},
        {"name": "c", "count": "-1", "good": "False", "usd": "-12345678901.5"},
    ]


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_text_is_a_formula_for_a_spreadsheet(start):
    """Model names and reasons are other people's text; a negative amount is no formula."""
    text = written(write_csv, [{"name": f"{start}HYPERLINK()", "count": -1, "good": True, "usd": Decimal(-1)}]).decode()
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["name"] == f"'{start}HYPERLINK()"
    assert (row["count"], row["usd"]) == ("-1", "-1")


def test_json_is_one_object_a_line_with_decimals_as_text():
    lines = written(write_json, ROWS).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        row | {"usd": None if row["usd"] is None else f"{row['usd']:f}"} for row in ROWS
    ]


def test_parquet_keeps_decimals_over_several_pieces(monkeypatch):
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 2)
    read = parquet.read_table(io.BytesIO(written(write_parquet, ROWS)))
    assert read.to_pylist() == ROWS
    assert str(read.schema.field("usd").type) == "decimal128(38, 12)"


def test_without_its_package_parquet_says_what_to_install(monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    with pytest.raises(NoParquet, match=r"fareway\[parquet\]"):
        written(write_parquet, ROWS)
