"""`fareway router train data.csv`: a difficulty model from scores, and what it is worth on prompts that it has not
seen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.settings import Unusable
from gateway.cli.table import print_rows
from gateway.difficulty.table import Malformed, examples
from gateway.difficulty.training import Example, train
from gateway.difficulty.trial import trial

PROMPTS_MIN = 50
"""With fewer, nothing is learned but the models' averages."""


def add_to(verbs: Any, _common: argparse.ArgumentParser) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "train",
        help="a difficulty model from scores",
        description="Train a difficulty model on a CSV with columns prompt, model, score (0 to 1), or prompt and one "
        "column for each model, and say how it chooses on prompts held back. Nothing leaves the machine, and the file "
        "holds no prompt.",
    )
    parser.add_argument("data", type=Path, metavar="DATA.csv")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="for routing.difficulty.model")
    parser.set_defaults(run=_train)


def _train(parsed: argparse.Namespace) -> int:
    found = _read(parsed.data)
    if len(found) < PROMPTS_MIN:
        raise Unusable(f"{parsed.data} has {len(found)} prompts; no fewer than {PROMPTS_MIN} teach anything")
    _tell(found)
    learned = train(found, {"data": parsed.data.name})
    try:
        parsed.out.write_bytes(msgspec.json.encode(learned))
    except OSError as error:
        raise Unusable(f"cannot write the model: {error}") from None
    print(f"written: {parsed.out}, {parsed.out.stat().st_size / 1e6:.2f} MB, from {len(found)} prompts")
    print(f"use it with:  routing: {{difficulty: {{model: {parsed.out}}}}}  and a policy such as policies.difficulty")
    return 0


def _read(path: Path) -> list[Example]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return examples(lines)
    except OSError as error:
        raise Unusable(f"cannot read the scores: {error}") from None
    except (Malformed, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from None


def _tell(found: list[Example]) -> None:
    seen = trial(found)
    if seen is None:
        print("too few prompts have a score of every model: how well it chooses cannot be said")
        return
    by_score = sorted(seen.models.items(), key=lambda item: (-item[1], item[0]))
    rows: list[dict[str, object]] = [{"choosing": model, "mean_score": f"{score:.3f}"} for model, score in by_score]
    rows += [
        {"choosing": "the predicted best, prompt by prompt", "mean_score": f"{seen.picked:.3f}"},
        {"choosing": "the true best, prompt by prompt", "mean_score": f"{seen.oracle:.3f}"},
    ]
    print(f"on {seen.prompts} prompts held back, whatever they cost:\n")
    print_rows(rows, ("choosing", "mean_score"), "table")
    verdict = "better" if seen.picked > seen.models[seen.fixed] else "not better"
    print(f"\nchoosing by prompt is {verdict} than the best fixed model, {seen.fixed}")
