"""Load on a fleet, and the store that it shares up or down."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

from crowd import Answers, chat, crowd

BUDGET = Decimal("0.008")
MONEY = f"limits:\n  - {{node: all, amount: {BUDGET} usd, window: lifetime}}\n"
BODY = chat(max_tokens=100)
HANGS_S = 2.0  # A call that waits for the store again and again. Alone on a machine, none takes more than 0.06 s.


async def everywhere(made, *, callers=8, calls=100):
    """A crowd at every gateway at once."""
    answers = Answers()
    await asyncio.gather(
        *(crowd(gate, made.first, callers=callers, calls=calls, body=BODY, answers=answers) for gate in made.gates)
    )
    return answers


@asynccontextmanager
async def load(made, *, callers=8):
    """A crowd at every gateway that goes on until the block ends; then what it was told."""
    answers = Answers()
    tasks = [
        asyncio.create_task(
            crowd(gate, made.first, callers=callers, calls=10**6, body=BODY, answers=answers, pause_s=0.01)
        )
        for gate in made.gates
    ]
    yield answers
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def drained(made):
    """Spend until the money is gone. The books then agree."""
    answers = await everywhere(made, callers=8, calls=700)
    assert answers.statuses[429], answers.statuses
    return made.assert_books_agree(BUDGET, died=True)


def down(made):
    """Whether every gateway has noticed."""
    return all(gate.metric("fareway_store_down") == 1 for gate in made.gates)


def up(made):
    return all(gate.metric("fareway_store_down") == 0 for gate in made.gates)
