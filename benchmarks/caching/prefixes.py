"""Own engines with prompt caches: a public trace of conversations, sent to N of them by what the gateway knows itself.

The trace is Mooncake's synthetic one (https://github.com/kvcache-ai/Mooncake, FAST25 release; Qin et al. 2025): when,
how many tokens, and which blocks of 512 of them. Each block becomes a fixed text of 2 KiB, so that our side sees what
it sees in service: bodies, the time, and what answers say. All of it is the real code: blocks, bookkeeping, router,
policy.

The policy's one constant that matters, `reading`, was chosen on the first 340 s: the one that finds most in caches
where p95 of the wait is within the bar with both numbers of engines. The table shows that choice being made, and
figures of the whole trace and of the rest alone.
"""

from __future__ import annotations

import gzip
import heapq
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import NamedTuple

from caching.engines import BLOCK_TOKENS, CACHE_TOKENS, Cache, Engine
from caching.gate import Gate

from policies.affinity import READING_WEIGHT

ROOT = Path(__file__).parents[2]
FILE = Path(os.environ.get("FAREWAY_SHARED", ROOT.parent / "shared")) / "data/mooncake/synthetic_trace.jsonl.gz"
ENGINES = {4: 0.60, 8: 0.645}  # How many, and the hit rate to reach.
WAIT_S_MAX = 0.7
IMBALANCE_MAX = 1.1
CHOSEN_BEFORE_S = 340.0
VERSIONS = 3
READING = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
LOAD = 0.9 / 0.8
"""Of the rate at which an engine reads: the trace's tokens a second and engine, times this."""


class Row(NamedTuple):
    """One request of the trace."""

    at: float  # Seconds.
    tokens: int
    ids: tuple[int, ...]


Choose = Callable[[Row, Sequence[Engine], float], int]


@dataclass(frozen=True)
class Result:
    """What a rule came to."""

    hit: float  # Tokens found in caches, of all.
    wait_p95_s: float
    wait_mean_s: float
    imbalance: float  # Tokens read by the busiest engine, over the mean. What is found in its cache is no work.
    imbalance_given: float  # The same of all tokens.

    def line(self) -> str:
        """For the table."""
        return (
            f"{self.hit:9.3f} {self.wait_p95_s:9.2f} {self.wait_mean_s:9.3f} {self.imbalance:9.2f}"
            f" {self.imbalance_given:9.2f}"
        )

    def meets(self, hit: float) -> bool:
        """Whether it reaches all the bars."""
        return self.hit >= hit and self.wait_p95_s <= WAIT_S_MAX and self.imbalance <= IMBALANCE_MAX


def figures() -> dict[str, object]:
    """Measure and print. Nothing where the trace is not there."""
    if not FILE.exists():
        print(f"no trace at {FILE}: set FAREWAY_SHARED")
        return {}
    trace = read()
    chosen = _chosen(trace)
    print(f"  chosen: {chosen:g}; the policy has {READING_WEIGHT:g}")
    return {f"prefixes_{n}": _figures(trace, n, hit) | {"reading_chosen": chosen} for n, hit in ENGINES.items()}


def _chosen(trace: list[Row]) -> float:
    """The `reading` that finds most in caches on the first part, with the wait within the bar for each number of
    engines: on average over three versions of it, for a moment's difference moves whole conversations."""
    first = [row for row in trace if row.at < CHOSEN_BEFORE_S]
    print(f"On the first {CHOSEN_BEFORE_S:.0f} s, {' and '.join(map(str, ENGINES))} engines; a second of reading as")
    hits = {}
    for reading in READING:
        results = [_averaged(first, count, _rate(trace, count), reading) for count in ENGINES]
        print(f"  {reading:3g} s of waiting: " + "   ".join(result.line() for result in results))
        if max(one.wait_p95_s for one in results) <= WAIT_S_MAX:
            hits[reading] = sum(one.hit for one in results)
    return max(hits, key=hits.__getitem__)


def _averaged(trace: list[Row], count: int, rate: float, reading: float | None) -> Result:
    """Our way, on average over versions of the trace in which each call comes up to half a second later."""
    results = [ours(_shaken(trace, seed), count, rate, reading) for seed in range(VERSIONS)]
    return Result(*[round(sum(values) / VERSIONS, 5) for values in zip(*map(astuple, results), strict=True)])


def _shaken(trace: list[Row], seed: int) -> list[Row]:
    random = Random(seed)
    return sorted(row._replace(at=row.at + random.uniform(0, 0.5)) for row in trace)


def read() -> list[Row]:
    """The trace."""
    with gzip.open(FILE, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return sorted(Row(row["timestamp"] / 1000, row["input_length"], tuple(row["hash_ids"])) for row in rows)


def _figures(trace: list[Row], count: int, hit: float) -> dict[str, object]:
    rate = _rate(trace, count)
    rules: Mapping[str, Callable[[], Choose]] = {
        "round robin": _round_robin,
        "least backlog": lambda: _least_backlog,
        "hash of the first two blocks": lambda: _hashed,
        "exact knowledge": lambda: _exact,
    }
    results = {name: run(trace, rule(), engines(count, rate)) for name, rule in rules.items()}
    results["one cache for all"] = run(trace, _least_backlog, engines(count, rate, pooled=True))
    results["ours"] = ours(trace, count, rate, None)
    results["ours, three versions"] = _averaged(trace, count, rate, None)
    results["ours, the rest"] = ours(trace, count, rate, None, since=CHOSEN_BEFORE_S)
    print(f"\n{count} engines, {rate:,.0f} tokens/s each: hit rate, p95 and mean wait (s), imbalance (read, given)")
    for name, result in results.items():
        print(f"  {name:30}{result.line()}")
    return {
        "baseline": {name: vars(results[name]) for name in rules if name != "exact knowledge"},
        "ours": vars(results["ours"]),
        "ours_averaged": vars(results["ours, three versions"]),
        "ours_without_the_part_looked_at": vars(results["ours, the rest"]),
        "oracle": {name: vars(results[name]) for name in ("exact knowledge", "one cache for all")},
        "bar": {"hit": hit, "wait_p95_s": WAIT_S_MAX, "imbalance": IMBALANCE_MAX},
        "met": results["ours"].meets(hit),
    }


def _rate(trace: list[Row], count: int) -> float:
    return sum(row.tokens for row in trace) / (trace[-1].at - trace[0].at) / count * LOAD


def engines(count: int, rate: float, *, pooled: bool = False) -> list[Engine]:
    """So many, empty. `pooled`: with one cache between them, as large as all of theirs."""
    pool = Cache(CACHE_TOKENS * count)
    return [Engine(rate, pool if pooled else Cache()) for _ in range(count)]


def run(trace: list[Row], choose: Choose, field: list[Engine]) -> Result:
    """A rule that may look into the engines."""
    waits, warm = [], 0
    for row in trace:
        engine = field[choose(row, field, row.at)]
        waits.append(engine.wait_s(row.at))
        warm += engine.take(row.ids, row.tokens, row.at)[0]
    return _result(field, waits, warm / sum(row.tokens for row in trace))


def ours(trace: list[Row], count: int, rate: float, reading: float | None, since: float = 0.0) -> Result:
    """The gateway's own way: it sees bodies and answers, and nothing of the engines. Figures of what came `since`."""
    gate, field = Gate(count, {} if reading is None else {"reading": reading}), engines(count, rate)
    begun: list[tuple[float, int, Callable[[], None]]] = []  # Answers that will begin: when, and what that tells.
    waits, warm, tokens = [], 0, 0
    for number, row in enumerate(trace):
        while begun and begun[0][0] <= row.at:
            at, _, tell = heapq.heappop(begun)
            gate.now = at
            tell()
        gate.now = row.at
        chosen, visit = gate.send(number, body(row))
        engine = field[chosen]
        if row.at >= since:
            waits.append(engine.wait_s(row.at))
            tokens += row.tokens
        found, at = engine.take(row.ids, row.tokens, row.at)
        warm += found if row.at >= since else 0
        heapq.heappush(begun, (at, number, lambda v=visit, t=row.tokens, f=found: gate.answered(v, t, f)))
    return _result(field, waits, warm / tokens)


def _result(field: list[Engine], waits: list[float], hit: float) -> Result:
    waits = sorted(waits)
    given, done = [engine.given for engine in field], [engine.read for engine in field]
    return Result(
        round(hit, 5),
        round(waits[int(0.95 * len(waits))], 3),
        round(sum(waits) / len(waits), 3),
        round(max(done) * len(done) / sum(done), 3),
        round(max(given) * len(given) / sum(given), 3),
    )


WORDS = (
    "the of and to in that is for it was on with as be at by this have from or had not are but which one you were all "
    "there would their we him been has when who will no more if out so what up said its about into than them can only "
    "other time new some could these two may first then do any like my now over such our man me even most made after"
)


@cache
def _text(one: int) -> bytes:
    """A block as text: the same for the same id, four bytes a token."""
    words = Random(one).choices(WORDS.split(), k=BLOCK_TOKENS)
    return " ".join(words).encode().ljust(BLOCK_TOKENS * 4, b" ")[: BLOCK_TOKENS * 4]


def body(row: Row) -> bytes:
    """The request as a caller would send it."""
    said = b"".join(map(_text, row.ids))[: row.tokens * 4]
    return b'{"model":"m","stream":true,"messages":[{"role":"user","content":"%b"}]}' % said


def _round_robin() -> Choose:
    turn = iter(range(1 << 30))
    return lambda _row, field, _now: next(turn) % len(field)


def _least_backlog(_row: Row, field: Sequence[Engine], now: float) -> int:
    return min(range(len(field)), key=lambda i: (field[i].wait_s(now), field[i].given))


def _hashed(row: Row, field: Sequence[Engine], _now: float) -> int:
    return int.from_bytes(blake2b(repr(row.ids[:2]).encode(), digest_size=8).digest(), "big") % len(field)


def _exact(row: Row, field: Sequence[Engine], now: float) -> int:
    """Lowest backlog and what is to be read, knowing both."""

    def seconds(i: int) -> tuple[float, int]:
        engine = field[i]
        return engine.wait_s(now) + (row.tokens - engine.cache.warm(row.ids, row.tokens)) / engine.rate, engine.given

    return min(range(len(field)), key=seconds)
