"""A short soak: fifty tenants in every dialect, and the same money wherever it can be read (benchmarks/soak)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "soak"))

from soak import soak

SECONDS = 20


def test_all_books_show_the_same_money(tmp_path):
    soaked = soak(tmp_path, SECONDS, a_second=40)
    assert soaked.known.seen.errors == soaked.all.seen.errors == []
    assert soaked.known.broken == soaked.all.broken == []
    assert soaked.known.by_rule == {}
    assert len(set(soaked.known.books.values())) == 1
    assert min(soaked.known.books.values()) > 0
    assert soaked.all.by_rule, "no caller left and no stream broke off"
