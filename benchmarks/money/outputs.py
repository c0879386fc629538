"""What a stream's hold should begin with: how many streams must extend it, and how much is held that is not used.

    python -m benchmarks.money.outputs [DATA]

Every stream of a trace runs through the rule by which holds grow (gateway/journey/growth.py), with four bytes a token;
what it was is learned when it is over. `extended`: the share of streams that had to ask for more. `held`: tokens held
on average while a stream runs, over those that it has used in the end. Lower is better for both.
"""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import random
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.tokens.outputs import Outputs

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[3] / "shared")
BYTES_PER_TOKEN = 4
BYTES_LEAST = 2  # What the gateway takes a token to have, so that it never asks too late.
OUTPUT_MAX = 16_384
GUESS = 512

Trace = list[tuple[str, int]]  # Key, output tokens.


def traces(data: Path) -> Iterator[tuple[str, Trace]]:
    """Real lengths of answers: one service's conversations, many agents', and clients with habits of their own."""
    with (data / "azure/AzureLLMInferenceTrace_conv.csv").open(encoding="utf-8-sig") as file:
        yield "azure conversations", [("k", int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
    with gzip.open(data / "mooncake/synthetic_trace.jsonl.gz") as file:
        yield "mooncake", [("k", json.loads(line)["output_length"]) for line in file]
    with tarfile.open(data / "coding_traces/traces.tar.xz") as archive:
        members = [m for m in archive.getmembers() if m.isfile() and m.name.endswith(".json")]
        read = [json.load(archive.extractfile(m)) for m in members]  # type: ignore[arg-type]
    agents = [(r["t"], t["id"], r["out"]) for t in read for r in t["requests"] if isinstance(r.get("out"), int)]
    yield "coding agents", [(key, out) for _, key, out in sorted(agents)]
    yield "73 clients (DeepSeek R1)", _clients(data / "servegen/deepseek-r1.tar.gz")


def _clients(path: Path, calls: int = 20_000) -> Trace:
    """Draws from what each client was seen to do, in proportion to how much it asks."""
    rng, clients = random.Random(1), []
    with tarfile.open(path) as archive:
        names = [m.name for m in archive.getmembers() if m.name.endswith("-dataset.json")]
        for name in names:
            windows = json.load(archive.extractfile(name))  # type: ignore[arg-type]
            rates = archive.extractfile(name.replace("-dataset.json", "-trace.csv"))
            assert rates is not None
            rate = sum(float(line.split(b",")[1]) for line in rates)
            lengths: dict[int, float] = {}
            for window in windows.values():
                for length, share in ast.literal_eval(window["output_tokens"]).items():
                    lengths[int(length)] = lengths.get(int(length), 0.0) + share
            if lengths:
                clients.append((name, rate, list(lengths), list(lengths.values())))
    chosen = rng.choices(clients, [rate for _, rate, _, _ in clients], k=calls)
    return [(name, rng.choices(lengths, shares)[0]) for name, _, lengths, shares in chosen]


def grown(first: int, made: int, due_at: float = 0.75) -> tuple[int, float]:
    """How often a hold of so many tokens is extended, and what is held on average, token by token."""
    held, times, area, at = first, 0, 0.0, 0
    while held < OUTPUT_MAX:
        due = int(held * due_at * BYTES_LEAST / BYTES_PER_TOKEN)
        if due > made:
            break
        area, at = area + held * (due - at), due
        held, times = min(OUTPUT_MAX, 2 * held), times + 1
    return times, (area + held * (made - at)) / max(1, made)


Rule = Callable[[str], int]
Learn = Callable[[str, int], None]


def measure(trace: Trace, rule: Rule, learn: Learn, due_at: float) -> tuple[float, float]:
    """Share of streams extended; tokens held over tokens used."""
    extended, held, used = 0, 0.0, 0
    for key, length in trace:
        made = min(length, OUTPUT_MAX)
        times, average = grown(min(OUTPUT_MAX, rule(key)), made, due_at)
        extended, held, used = extended + (times > 0), held + average, used + made
        learn(key, made)
    return extended / len(trace), held / used


def twice_the_average() -> tuple[Rule, Learn]:
    """Twice the recent average of the deployment, at least 512."""
    average = [float(GUESS)]

    def learn(_: str, made: int) -> None:
        average[0] += 0.1 * (made - average[0])

    return lambda _: max(GUESS, 2 * round(average[0])), learn


def learned(times: float) -> tuple[Rule, Learn]:
    """A multiple of the quantile of the key's own answers."""
    outputs = Outputs()

    def first(key: str) -> int:
        most = outputs.most(key, "d")
        return GUESS if most is None else max(64, round(times * most))

    return first, lambda key, made: outputs.learn(key, "d", made)


def main(data: Path) -> None:
    """Print a table. The first rule is the one before answers were learned, the third the one in use."""
    rules: list[tuple[str, Callable[[], tuple[Rule, Learn]], float]] = [
        ("twice the average, due at 1/2", twice_the_average, 0.5),
        ("twice the average, due at 3/4", twice_the_average, 0.75),
        ("quantile, due at 3/4", lambda: learned(1), 0.75),
        ("quantile, due at 1/2", lambda: learned(1), 0.5),
        ("1.5 x quantile, due at 3/4", lambda: learned(1.5), 0.75),
        ("2 x quantile, due at 3/4", lambda: learned(2), 0.75),
    ]
    for name, trace in traces(data):
        print(f"{name}: {len(trace)} streams, {sum(made for _, made in trace) // len(trace)} tokens on average")
        for label, rule, due_at in rules:
            extended, held = measure(trace, *rule(), due_at)
            print(f"  {label:32} extended {extended:6.1%}   held {held:5.2f} x used")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "data")
