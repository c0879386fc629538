"""`fareway usage export`: the ledger as a file for other programs."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from gateway.cli.books import reading
from gateway.cli.moments import moment
from gateway.cli.settings import Unusable, settings_of_books
from gateway.export import focus
from gateway.export.files import WRITERS, NoParquet
from gateway.export.places import whole_file
from gateway.export.table import CALLS, FOCUS, Form, write_table

FORMATS = (*WRITERS, FOCUS)


def add_to(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = verbs.add_parser("export", parents=[common], help="every call, or FOCUS charges, as a file")
    parser.add_argument(
        "--format", choices=FORMATS, default="csv", help="one row a call; focus: charges (default: csv)"
    )
    parser.add_argument("--since", default="30d", metavar="30d|2026-11-01", help="how far back (default: 30d)")
    parser.add_argument("--until", default=None, metavar="2026-12-01", help="up to, not including (default: now)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output; .parquet takes focus, too")
    parser.add_argument(
        "--focus-version", choices=focus.VERSIONS, default=focus.VERSIONS[0], help=f"default: {focus.VERSIONS[0]}"
    )
    parser.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    now = time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    form = _form(parsed.format, parsed.out, parsed.focus_version)
    try:
        with reading(settings_of_books(parsed)) as ledger, _opened(parsed.out) as file:
            unpriced = write_table(form, ledger.entries(since, until), ledger.prices(), file)
    except NoParquet as error:
        raise Unusable(str(error)) from None
    except BrokenPipeError:  # Somebody piped us into `head`.
        raise
    except OSError as error:
        raise Unusable(f"cannot write {parsed.out}: {error.strerror or error}") from None
    if unpriced:
        print(f"{unpriced} calls without a price are in no charge: fareway usage --by cost_status", file=sys.stderr)
    return 0


def _form(told: str, out: Path | None, version: str) -> Form:
    """Raises Unusable."""
    if told == FOCUS:
        return Form(FOCUS, "parquet" if out is not None and out.suffix == ".parquet" else "csv", version)
    if told == "parquet" and out is None:
        raise Unusable("--format parquet needs --out FILE")
    return Form(CALLS, told)


def _opened(out: Path | None) -> AbstractContextManager[IO[bytes]]:
    """Raises OSError."""
    return nullcontext(sys.stdout.buffer) if out is None else whole_file(out)
