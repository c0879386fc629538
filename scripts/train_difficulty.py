"""Train the difficulty model that comes with the gateway, and score it on prompts that it has not seen.

    python scripts/train_difficulty.py DATA     # a folder with llmrouter/, routerarena/ and routellm/

docs/routing.md is its data card: what each set is, its licence, and what this script printed.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from gateway.difficulty.model import Difficulty
from gateway.difficulty.training import Example, train

TARGET = Path(__file__).parent.parent / "gateway" / "difficulty" / "default.json"
ABOUT = {"data": "LLMRouter (MIT), RouterArena (Apache-2.0), RouteLLM's GSM8K answers (Apache-2.0)"}

SMALL = ("mistral-7b-instruct-v0.3", "gemma-2-9b-it", "llama-3.1-8b-instruct", "qwen2.5-7b-instruct")
LARGE = ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1")
ECONOMY, STANDARD, PREMIUM = "tier:economy", "tier:standard", "tier:premium"
EVERY = 5  # So manieth prompt is held back.


def main() -> None:
    """Read, try, train, write."""
    data = Path(sys.argv[1])
    sets = {"llmrouter": llmrouter(data), "routerarena": routerarena(data), "gsm8k": gsm8k(data)}
    taught = [e for examples in sets.values() for n, e in enumerate(examples) if n % EVERY]
    difficulty = Difficulty(train(taught, ABOUT))
    print("held back", {name: len(examples[::EVERY]) for name, examples in sets.items()}, difficulty.about)
    for name, weak, strong in (
        ("llmrouter", ECONOMY, PREMIUM),
        ("llmrouter", ECONOMY, STANDARD),
        ("routerarena", ECONOMY, STANDARD),
        ("gsm8k", ECONOMY, PREMIUM),
    ):
        asked = sets[name][::EVERY]
        told = {
            "ours": apgr(asked, weak, strong, [gap(difficulty, e.prompt, weak, strong) for e in asked]),
            "prompt length": apgr(asked, weak, strong, [len(e.prompt) for e in asked]),
        }
        print(name, weak, strong, {way: round(area, 3) for way, area in told.items()})
    nine = [model for model in difficulty.models if not model.startswith("tier:")]
    asked = sets["llmrouter"][::EVERY]
    picks = [e.scores[max(nine, key=difficulty.chances(e.prompt, nine).__getitem__)] for e in asked]
    means = {model: round(fmean([e.scores[model] for e in asked]), 3) for model in nine}
    oracle = fmean([max(e.scores[m] for m in nine) for e in asked])
    print("llmrouter, of nine:", means, "ours", round(fmean(picks), 3), "oracle", round(oracle, 3))
    everything = [e for examples in sets.values() for e in examples]
    TARGET.write_bytes(msgspec.json.encode(train(everything, ABOUT, penalty=float(difficulty.about["penalty"]))))


def gap(difficulty: Difficulty, prompt: str, weak: str, strong: str) -> float:
    """How much better the strong one is predicted to be."""
    chances = difficulty.chances(prompt, (weak, strong))
    return chances[strong] - chances[weak]


def apgr(asked: Sequence[Example], weak: str, strong: str, need: Sequence[float]) -> float:
    """The share of the gap between weak and strong that is closed, on average over all shares of prompts sent to the
    strong, those first that need it most (RouteLLM, https://arxiv.org/abs/2406.18665): 0.5 by lot."""
    order = sorted(range(len(asked)), key=lambda n: -need[n])
    gains = [asked[n].scores[strong] - asked[n].scores[weak] for n in order]
    closed, area = 0.0, 0.0
    for gain in gains:
        area += closed + gain / 2
        closed += gain
    return area / len(gains) / closed


def llmrouter(data: Path) -> list[Example]:
    """Nine open models; tiers by size. What neither of the two largest can do, no premium model is said to."""
    with gzip.open(data / "llmrouter" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Example(row["question"], row["scores"] | _tiers(row["scores"])) for row in rows]


def _tiers(scores: dict[str, float]) -> dict[str, float]:
    large = [scores[model] for model in LARGE]
    return {ECONOMY: fmean([scores[model] for model in SMALL]), STANDARD: fmean(large), PREMIUM: max(large)}


def routerarena(data: Path) -> list[Example]:
    """claude-3-haiku for economy, gemini-2.0-flash for standard."""
    found: dict[str, dict[str, float]] = {}
    for file, tier in (("claude-3-haiku-20240307", ECONOMY), ("gemini-2.0-flash-001", STANDARD)):
        with gzip.open(data / "routerarena" / f"{file}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found.setdefault(row["question"], {})[tier] = min(1.0, max(0.0, row["evaluation_result"]["score"]))
    return [Example(prompt, scores) for prompt, scores in found.items()]


def gsm8k(data: Path) -> list[Example]:
    """Mixtral-8x7B for economy, gpt-4-1106-preview for premium."""
    with gzip.open(data / "routellm" / "gsm8k_responses.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = {ECONOMY: "mistralai/Mixtral-8x7B-Instruct-v0.1", PREMIUM: "gpt-4-1106-preview"}
    return [Example(row["prompt"], {tier: float(row[name] == "True") for tier, name in names.items()}) for row in rows]


if __name__ == "__main__":
    main()
