"""How long a policy takes over twenty candidates, and the difficulty model over a prompt."""

from __future__ import annotations

import random
from pathlib import Path
from pkgutil import iter_modules
from statistics import median
from time import perf_counter_ns

from routing.answers import ROOT

import policies
from gateway.core.money import Money
from gateway.core.request import Facts, Request
from gateway.core.route import TIERS, Candidate, Context
from gateway.difficulty.model import Difficulty
from gateway.plugins import NoPolicy, load_policy

CANDIDATES, CALLS = 20, 2001
POLICY_US_MAX, MODEL_US_MAX = 50.0, 300.0
CHARACTERS = (200, 2_000, 100_000)
TEXT = ROOT / "docs" / "money.md"  # Prose, numbers, tables and code.


def figures() -> dict[str, object]:
    """Medians of one run, in microseconds."""
    drawn = random.Random(7)
    candidates = tuple(_candidate(number, drawn) for number in range(CANDIDATES))
    found = {}
    for name in _policies():
        choose = load_policy(f"policies.{name}").choose
        found[name] = _median_us(lambda number, choose=choose: choose(_request(number), candidates, _CONTEXT))
    empty = _median_us(_request)
    found = {name: round(us - empty, 1) for name, us in found.items()}
    difficulty, models = Difficulty.load(), Difficulty.load().models
    text = TEXT.read_text(encoding="utf-8") * 5
    prompts = {str(size): text[:size] for size in CHARACTERS}
    model = {size: round(_median_us(lambda _, p=p: difficulty.chances(p, models)), 1) for size, p in prompts.items()}
    print(
        f"\nµs for a decision over {CANDIDATES} candidates: {found}\nµs of the difficulty model by characters: {model}"
    )
    return {
        "decision_us": {
            "candidates": CANDIDATES,
            "ours": found,
            "bar": POLICY_US_MAX,
            "met": all(us <= POLICY_US_MAX for us in found.values()),
        },
        "difficulty_model_us": {"ours": model, "bar": {"2000": MODEL_US_MAX}, "met": model["2000"] <= MODEL_US_MAX},
    }


def _policies() -> list[str]:
    """All that choose."""
    found = []
    for module in iter_modules([str(Path(policies.__file__).parent)]):
        try:
            load_policy(f"policies.{module.name}")
        except NoPolicy:
            continue
        found.append(module.name)
    return found


def _median_us(work) -> float:
    taken = []
    for number in range(CALLS):
        began = perf_counter_ns()
        work(number)
        taken.append(perf_counter_ns() - began)
    return median(taken) / 1000


def _request(number: int) -> Request:
    facts = Facts("auto", prompt="Prove that there are infinitely many primes.", session=f"talk {number % 50}")
    return Request(f"req_{number}", "key", "openai-chat", facts, input_tokens=900)


def _candidate(number: int, drawn: random.Random) -> Candidate:
    cost = drawn.randrange(10**6, 10**10)
    return Candidate(
        name=f"provider{number % 5}/model-{number}",
        provider=f"provider{number % 5}",
        model=f"model-{number}",
        tier=drawn.choice(TIERS),
        selfhosted=False,
        cost_likely=Money(cost),
        cost_worst=Money(cost * 4),
        error_rate=drawn.random() / 10,
        first_token_ms=drawn.uniform(100, 900),
        in_flight=drawn.randrange(5),
        success=drawn.random(),
        warm_tokens=drawn.randrange(5000),
        wait_ms=drawn.uniform(0, 900),
        first_token_p95_ms=drawn.uniform(200, 2000),
    )


_CONTEXT = Context(remaining=Money(10**11), stays="provider1/model-6", burn=1.2)
