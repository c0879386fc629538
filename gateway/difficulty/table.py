"""Tables of scores: who answered which prompt how well."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite

from gateway.difficulty.training import Example

FIELD_CHARACTERS_MAX = 10_000_000
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


class Malformed(ValueError):
    """The table does not say what is asked of it. Says the line."""


def examples(lines: Iterable[str]) -> list[Example]:
    """The rows of a CSV, one example for each prompt. Long: columns prompt, model, score, and any others, which are not
    read. Wide: a column prompt, and each other column is a model's score; empty where it was not tried. A score is from
    0 to 1, or true or false. Raises Malformed."""
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    reader = csv.DictReader(lines, strict=True)
    names = set(reader.fieldnames or ())
    if "prompt" not in names or len(names) < 2:
        raise Malformed("the first line must name the columns: prompt, model, score; or prompt and one for each model")
    scored = _long(reader) if {"model", "score"} <= names else _wide(reader)
    by_prompt: dict[str, dict[str, list[float]]] = {}
    try:
        for prompt, model, score in scored:
            by_prompt.setdefault(prompt, {}).setdefault(model, []).append(score)
    except (ValueError, csv.Error) as error:
        raise Malformed(f"line {reader.line_num}: {error}") from None
    means = {prompt: {m: sum(s) / len(s) for m, s in scores.items()} for prompt, scores in by_prompt.items()}
    return [Example(prompt, scores) for prompt, scores in means.items()]


def _long(reader: Iterable[Mapping[str, str | None]]) -> Iterator[tuple[str, str, float]]:
    for row in reader:
        yield row["prompt"] or "", row["model"] or "", _score(row["score"])


def _wide(reader: Iterable[Mapping[str, str | None]]) -> Iterator[tuple[str, str, float]]:
    for row in reader:
        if None in row:
            raise ValueError("more fields than the first line names")
        for model, score in row.items():
            if model != "prompt" and score != "":
                yield row["prompt"] or "", model, _score(score)


def _score(text: str | None) -> float:
    found = _WORDS.get((text or "").strip().lower())
    try:
        found = float(text or "") if found is None else found
    except ValueError:
        found = -1.0
    if not (isfinite(found) and 0 <= found <= 1):
        raise ValueError(f"a score must be from 0 to 1, or true or false, not {text!r}")
    return found
