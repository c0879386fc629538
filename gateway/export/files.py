"""Rows as a file: CSV that no spreadsheet takes for formulas, one JSON object a line, or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from importlib.util import find_spec
from itertools import islice
from types import MappingProxyType
from typing import IO, Any

import msgspec

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection."""

ROWS_AT_ONCE = 10_000
"""Of a Parquet file, in memory until they are written."""

DECIMAL_DIGITS, DECIMAL_PLACES = 38, 12
"""Of a number in Parquet: dollars to the pico-dollar."""

Row = Mapping[str, object]


class NoParquet(ValueError):
    """The package that writes Parquet is not installed."""


def tamed(value: object) -> object:
    """Text that a spreadsheet would take for a formula, with a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def write_csv(rows: Iterable[Row], columns: Mapping[str, type], file: IO[bytes]) -> None:
    """As RFC 4180 has it. What is not known is empty."""
    writer = csv.writer(_Text(file), lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_plain(tamed(row[name])) for name in columns] for row in rows)


def write_json(rows: Iterable[Row], columns: Mapping[str, type], file: IO[bytes]) -> None:
    """One object a line. Decimals are text, so that no reader rounds them."""
    encode = msgspec.json.Encoder(decimal_format="string").encode
    for row in rows:
        file.write(encode({name: _plain(row[name]) for name in columns}) + b"\n")


def write_parquet(rows: Iterable[Row], columns: Mapping[str, type], file: IO[bytes]) -> None:
    """Decimals are decimals. Raises NoParquet."""
    if find_spec("pyarrow") is None:
        raise NoParquet("Parquet needs one more package: pip install 'fareway[parquet]'")
    import pyarrow as pa  # noqa: PLC0415 - an extra, and only here
    from pyarrow import parquet  # noqa: PLC0415

    types = {
        str: pa.string(),
        int: pa.int64(),
        bool: pa.bool_(),
        Decimal: pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        for some in _batches(rows):
            writer.write_table(pa.Table.from_pylist(some, schema))


Write = Callable[[Iterable[Row], Mapping[str, type], IO[bytes]], None]

WRITERS: Mapping[str, Write] = MappingProxyType({"csv": write_csv, "json": write_json, "parquet": write_parquet})
"""By the name of the format."""


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    walking = iter(rows)
    while some := list(islice(walking, ROWS_AT_ONCE)):
        yield some


def _plain(value: object) -> object:
    return f"{value:f}" if isinstance(value, Decimal) else value


class _Text:
    """What csv.writer writes to, over a file of bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> Any:
        """One row."""
        return self._file.write(text.encode())
