"""Money: recorded answers priced against what they cost, how long a price takes, and how large the book is.

    python benchmarks/money/run.py

Writes build/bench/money.json. Recordings are read from the shared data (FAREWAY_SHARED); without it those figures are
left out, and what an earlier run wrote stays.
"""

from __future__ import annotations

import subprocess
import sys
import timeit
from collections import Counter
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from money.recorded import FOLDER, Case, cases  # noqa: E402
from record import record  # noqa: E402

from gateway.core.usage import Extras, Usage  # noqa: E402
from gateway.prices.bundled import price_book  # noqa: E402

TIMED = 20_000  # Calls of each of the rounds, of which the fastest counts: the machine is not ours alone.
ROUNDS = 15
MEASURE = """
import gc, sys
def rss():
    gc.collect()
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1]) / 1024
import yaml, hashlib, gzip, gateway.prices.bundled as bundled
before = rss()
book = bundled.price_book()
for provider in book.feed.providers:
    for model in book.models(provider):
        book.price(provider, model, float(sys.argv[1]))
print(rss() - before, len(book._priced))
"""


def main() -> None:
    """Measure and record."""
    book = price_book()
    figures: dict[str, object] = dict(_timed()) | _memory()
    found = cases(book)
    if found:
        _print(found)
        counts = Counter(case.verdict for case in found)
        figures |= {
            "recorded_cases": len(found),
            "recorded_exact": counts["exact"],
            "recorded_explained": counts["explained"],
            "recorded_wrong": counts["wrong"],
            "recorded_skipped": counts["skipped"],
            "genai_prices_exact": sum(_agrees(case) for case in found),
        }
    else:
        print(f"no recordings at {FOLDER}: set FAREWAY_SHARED")
    if find_spec("money.tokens") is not None and FOLDER.exists():
        from money.tokens import token_error_median_pct  # noqa: PLC0415

        figures["token_error_median_pct"] = token_error_median_pct()
    record("money", "python benchmarks/money/run.py", figures)


def _timed() -> dict[str, float]:
    """Microseconds from settled usage to its cost: the look-up of the price, and the price itself."""
    book, at = price_book(), datetime.now(UTC).timestamp()
    usage = Usage(input=1200, cache_read=300, output=250, output_reasoning=90)
    more = Usage(input=1200, cache_read=300, output=250, extras=Extras(web_searches=2))

    def fastest(one: Usage, tier: str | None) -> float:
        def call():
            return book.price("anthropic", "claude-opus-4-8", at, "").of(one, tier)

        return round(min(timeit.repeat(call, number=TIMED, repeat=ROUNDS)) / TIMED * 1e6, 2)

    return {"price_us": fastest(usage, None), "price_with_fees_and_tier_us": fastest(more, "batch,geo:us")}


def _memory() -> dict[str, object]:
    """Megabytes of a process's memory that the book takes with every model composed, in a process of its own."""
    now = str(datetime.now(UTC).timestamp())
    out = subprocess.run([sys.executable, "-c", MEASURE, now], cwd=ROOT, capture_output=True, text=True, check=True)
    size, models = out.stdout.split()
    return {"book_mb": round(float(size), 1), "book_models": int(models)}


def _agrees(case: Case) -> bool:
    """Whether genai-prices 0.2.3 has the expected figure, as the index of the recordings says what it answered."""
    try:
        return case.expected is not None and float(case.genai_prices or "nan") == float(case.expected)
    except ValueError:  # It raised; the index has its message.
        return False


def _print(found: list[Case]) -> None:
    line = "{:52} {:>18} {:>18} {:>18}  {:10} {}"
    print(line.format("file", "ours", "expected", "genai-prices", "status", ""))
    for case in found:
        theirs = (case.genai_prices or "-").split(":")[0]
        expected = f"{float(case.expected):.12g}" if case.expected else "-"
        print(line.format(case.file, case.ours or "-", expected, theirs, case.status, case.verdict))


if __name__ == "__main__":
    main()
