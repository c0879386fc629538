"""Fits the weights of gateway/tokens/estimate.py and writes gateway/tokens/weights.json.

    python scripts/fit_tokens.py DATA TEXTS...

DATA is a folder with RouterArena's results (claude-3-haiku-20240307, gpt-4o-mini, mistral-medium, one JSON object a
line, gzip); TEXTS are further files, cut into pieces and labelled by the exact count, so that code, JSON and prose are
all in. Only every other prompt is used, by a hash of its id: benchmarks/money/tokens.py measures on the rest.
RouterArena's Gemini results are left out: their "usage" is the number of words times 1.3, in all 633 rows.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.tokens import bpe
from gateway.tokens.estimate import Weights
from gateway.tokens.size import kinds

VENDORS = {"claude": "claude-3-haiku-20240307", "mistral": "mistral-medium"}
CHAT_TOKENS = 7  # Of OpenAI's formula around one plain message.
PIECES = (300, 1_000, 4_000)  # Characters.
ROUNDS = 30
FURTHER_SHARE = 0.5  # What all pieces labelled by us weigh against all prompts labelled by a vendor.

Row = tuple[list[float], float, float]  # Features, tokens, weight.


def main() -> None:
    """Fit and write."""
    data, texts = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    vocabulary = bpe.encoding("o200k_base")
    further = [(piece, bpe.count((piece,), vocabulary) + CHAT_TOKENS) for piece in _pieces(texts)]
    prompts = [r["question"] for r in rows(data / f"{VENDORS['claude']}.jsonl.gz") if trains(r)]
    exact = [(text, bpe.count((text,), vocabulary) + CHAT_TOKENS) for text in prompts]
    fitted = {"o200k": _fitted(exact, further)}
    for vendor, name in VENDORS.items():
        own = [(r["question"], r["token_usage"]["input_tokens"]) for r in rows(data / f"{name}.jsonl.gz") if trains(r)]
        ratio = statistics.median(t / (bpe.count((q,), vocabulary) + CHAT_TOKENS) for q, t in own)
        fitted[vendor] = _fitted(own, [(text, tokens * ratio) for text, tokens in further])
    named = {vendor: dict(zip(Weights.__struct_fields__, weights, strict=True)) for vendor, weights in fitted.items()}
    Path("gateway/tokens/weights.json").write_text(json.dumps(named, indent=2) + "\n")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of results that have a count of input tokens."""
    with gzip.open(path, "rt") as lines:
        yield from (row for row in map(json.loads, lines) if (row.get("token_usage") or {}).get("input_tokens"))


def trains(row: dict[str, Any]) -> bool:
    """Whether a row is in the half that is fitted to."""
    return hashlib.sha256(row["global_index"].encode()).digest()[0] % 2 == 0


def body(text: str) -> bytes:
    """A prompt as a client sends it."""
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    return json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()


def _fitted(own: Sequence[tuple[str, float]], further: Sequence[tuple[str, float]]) -> list[float]:
    share = FURTHER_SHARE * len(own) / len(further)
    return _fit([_row(*pair, 1.0) for pair in own] + [_row(*pair, share) for pair in further])


def _row(text: str, tokens: float, weight: float) -> Row:
    counted = kinds(body(text), 1.0)
    return [1.0, *(getattr(counted, kind) for kind in counted.__struct_fields__)], tokens, weight


def _pieces(texts: list[Path]) -> Iterator[str]:
    for number, path in enumerate(texts):
        text, size = path.read_text(errors="replace"), PIECES[number % len(PIECES)]
        yield from (text[start : start + size] for start in range(0, len(text) - size, size))


def _fit(data: list[Row]) -> list[float]:
    """Least absolute relative errors, by least squares weighted again and again."""
    scales = [weight / tokens**2 for _, tokens, weight in data]
    for _ in range(ROUNDS):
        found = _solve(data, scales)
        errors = [abs(sum(a * b for a, b in zip(x, found, strict=True)) - tokens) / tokens for x, tokens, _ in data]
        scales = [w / tokens**2 / max(0.01, error) for (_, tokens, w), error in zip(data, errors, strict=True)]
    return [round(value, 4) for value in found]


def _solve(data: list[Row], scales: list[float]) -> list[float]:
    size = len(data[0][0])
    matrix = [[0.0] * (size + 1) for _ in range(size)]
    for (x, tokens, _), scale in zip(data, scales, strict=True):
        for i, row in enumerate(matrix):
            for j, value in enumerate([*x, tokens]):
                row[j] += scale * x[i] * value
    for i in range(size):
        best = max(range(i, size), key=lambda k: abs(matrix[k][i]))
        matrix[i], matrix[best] = matrix[best], matrix[i]
        for k, row in enumerate(matrix):
            if k != i:
                factor = row[i] / matrix[i][i]
                matrix[k] = [a - factor * b for a, b in zip(row, matrix[i], strict=True)]
    return [matrix[i][size] / matrix[i][i] for i in range(size)]


if __name__ == "__main__":
    main()
