"""How much a call may generate so that what is left can pay for it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from gateway.core.limit import Fare
from gateway.dialects.caps import ANSWER_TOKENS_MIN, cap_min
from gateway.journey.option import Option
from gateway.journey.question import Question

REASONED_TOKENS_MIN = 1024
"""Where thoughts are unseen and have no budget of their own: less than this may all go into them."""

Covers = Callable[[Fare], bool]


def output_that_fits(question: Question, options: Iterable[Option], covers: Covers) -> int | None:
    """The highest cap on the output of one choice under which one of the options is paid for, within the cap that it
    has. None where even the shortest answer is not."""
    least = cap_min(question.dialect.name, question.asked.body)
    caps = [cap for option in options if (cap := _cap(question, option, least, covers)) is not None]
    return max(caps, default=None)


def _cap(question: Question, option: Option, least: int, covers: Covers) -> int | None:
    facts = question.request.facts
    reasons = facts.reasons or option.may_reason_unseen
    low = max(least, REASONED_TOKENS_MIN) if reasons and least == ANSWER_TOKENS_MIN else least
    high = option.output_max // facts.choices

    def fits(cap: int) -> bool:
        unpriced = replace(option.candidate, cost_worst=None)  # That is the worst of another cap.
        return covers(question.worst(replace(option, output_max=cap * facts.choices, candidate=unpriced))[0])

    if low > high or not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
