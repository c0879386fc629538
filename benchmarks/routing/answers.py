"""The data: what models answered to the same prompts, how well, and at what cost."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import random
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("FAREWAY_SHARED") or ROOT.parent / "shared") / "data"
PARTS = 5

csv.field_size_limit(10**9)


class Row(NamedTuple):
    """One prompt."""

    prompt: str
    scores: dict[str, float]
    costs: dict[str, float]  # Dollars.
    answers: dict[str, str | None]  # The letter or the number; None where there is none to compare.


def routerbench() -> list[Row]:
    """Three sets, without the rows that lack scores and without a second row of one id."""
    found: dict[str, Row] = {}
    for name in ("mbpp", "arc_challenge", "winogrande"):
        with gzip.open(FOLDER / "routerbench" / f"{name}_train.csv.gz", "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                models = sorted(key.removesuffix("|total_cost") for key in row if key.endswith("|total_cost"))
                if all(row[model] for model in models):
                    found.setdefault(row["sample_id"], _row(row, models))
    return list(found.values())


def _row(row: dict[str, str], models: list[str]) -> Row:
    return Row(
        ast.literal_eval(row["prompt"])[0],
        {model: float(row[model]) for model in models},
        {model: float(row[f"{model}|total_cost"]) for model in models},
        {model: answer(_first(row[f"{model}|model_response"])) for model in models},
    )


def _first(literal: str) -> str:
    try:
        return str(ast.literal_eval(literal)[0])
    except (ValueError, SyntaxError, IndexError):
        return literal


def answer(text: str) -> str | None:
    """The letter that an answer begins with or names, else its last number. Code is not compared."""
    if "```" in text or "def " in text:
        return None
    if letter := re.search(r"[\"'(]?\b([A-E])\b(?:[).:,\"']|\s|$)", text):
        return letter[1]
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
    return numbers[-1] if numbers else None


def gsm8k() -> tuple[str, str, list[Row]]:
    """The weak model, the strong one, and the prompts that neither was trained on as RouteLLM found."""
    folder = FOLDER / "routellm"
    contaminated = (folder / "gsm8k_contaminated_prompts.jsonl").read_text().splitlines()
    known = {json.loads(line)["eval_prompt"] for line in contaminated}
    weak, strong = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
    with gzip.open(folder / "gsm8k_responses.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["prompt"] not in known]
    return weak, strong, [Row(r["prompt"], {m: float(r[m] == "True") for m in (weak, strong)}, {}, {}) for r in rows]


def parts(count: int, seed: int) -> list[int]:
    """Which of PARTS each of so many prompts is in."""
    dealt = [number % PARTS for number in range(count)]
    random.Random(seed).shuffle(dealt)
    return dealt
