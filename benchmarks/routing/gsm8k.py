"""School mathematics, a weak and a strong model: who needs the strong one?"""

from __future__ import annotations

from statistics import fmean

from routing.answers import FOLDER, PARTS, Row, gsm8k, parts
from routing.measures import Curve, curve

from gateway.difficulty.model import Difficulty
from gateway.difficulty.training import Example, train

REPEATED = 3  # Times, with other parts: one deal of 1,307 prompts moves CPT(50 %) by a point and a half.
APGR_MIN, CPT50_MAX = 0.622, 34.0


def figures() -> dict[str, object]:
    """APGR and CPT(50 %) by cross-validation, beside chance, the prompt's length and the oracle."""
    if not (FOLDER / "routellm").exists():
        print(f"no answers below {FOLDER}; set FAREWAY_SHARED")
        return {}
    weak, strong, rows = gsm8k()
    gains = [row.scores[strong] - row.scores[weak] for row in rows]
    ours = [curve(needs(rows, weak, strong, seed), gains) for seed in range(REPEATED)]
    mean = Curve(fmean([c.apgr for c in ours]), fmean([c.cpt50 for c in ours]))
    table = {
        "by lot": Curve(0.5, 50.0),
        "prompt length": curve([len(row.prompt) for row in rows], gains),
        "ours": mean,
        "oracle": curve(gains, gains),
    }
    print(f"\nGSM8K: {len(rows)} prompts, {weak} or {strong}\n{'':<16}{'APGR':>8}{'CPT(50 %)':>11}")
    for name, found in table.items():
        print(f"{name:<16}{found.apgr:>8.3f}{found.cpt50:>11.1f}")
    shown = {name: {"apgr": round(c.apgr, 4), "cpt50_percent": round(c.cpt50, 2)} for name, c in table.items()}
    return {
        "gsm8k": {
            "prompts": len(rows),
            "method": f"{PARTS} parts, {REPEATED} deals, mean",
            "baseline": {name: shown[name] for name in ("by lot", "prompt length")},
            "ours": shown["ours"] | {"deals": [[round(c.apgr, 4), round(c.cpt50, 2)] for c in ours]},
            "oracle": shown["oracle"],
            "bar": {"apgr": APGR_MIN, "cpt50_percent": CPT50_MAX},
            "met": {"apgr": mean.apgr >= APGR_MIN, "cpt50_percent": mean.cpt50 <= CPT50_MAX},
        }
    }


def needs(rows: list[Row], weak: str, strong: str, seed: int) -> list[float]:
    """How much better the strong model is said to be, each prompt by a model that has not seen it."""
    dealt, need = parts(len(rows), seed), [0.0] * len(rows)
    for part in range(PARTS):
        taught = [Example(row.prompt, row.scores) for row, own in zip(rows, dealt, strict=True) if own != part]
        difficulty = Difficulty(train(taught, {}))
        for number, row in enumerate(rows):
            if dealt[number] == part:
                chances = difficulty.chances(row.prompt, (weak, strong))
                need[number] = chances[strong] - chances[weak]
    return need
