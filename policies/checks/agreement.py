"""Whether two replies come to the same: then it is likely that both are right.

Agreement of cheap models as a sign that no dearer one is needed: Yue et al., Large Language Model Cascades with Mixture
of Thoughts Representations (2024), https://arxiv.org/abs/2310.03094
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gateway.core.reply import Choice, Reply, Verdict
from gateway.core.request import Request
from policies.checks.complete import lacks, read_json

THRESHOLD = 0.8
"""Of the words, so many must be the same where there is no final answer to compare."""

CHARACTERS_READ = 20_000
"""From the end of a text: there stands its answer."""

SHORT_CHARACTERS = 80
"""Of a last line that is likely to be the answer itself."""

_MARKED = re.compile(
    r"(?:####|\\boxed\s*\{|\banswer\s*(?:is|=|:)|\banswer\*\*\s*:?)[\s*:$(\[{\"']*"
    r"(?:([A-J])(?![A-Za-z0-9])|(-?[$€£]?\d[\d,]*(?:\.\d+)?))",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[\s*(\[\"']*([A-J])[\s*).:\]\"']*")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"\w+")


def check(request: Request, replies: tuple[Reply, ...], params: Mapping[str, Any]) -> Verdict:
    """Complete, and the same as a complete one before it. `params: {threshold: 80%}`."""
    threshold = float(params.get("threshold", THRESHOLD))
    newest, why = replies[-1], lacks(request, replies[-1])
    if why is not None:
        return Verdict(passes=False, why=why)
    for reply in replies[:-1]:
        if lacks(request, reply) is None and agree(request, reply, newest, threshold):
            return Verdict(passes=True, why=f"{reply.name} says the same")
    return Verdict(passes=False, why="nobody says the same" if len(replies) > 1 else "a second opinion is asked for")


def agree(request: Request, one: Reply, other: Reply, threshold: float) -> bool:
    """Whether each choice comes to the same as its counterpart."""
    if len(one.choices) != len(other.choices):
        return False
    pairs = zip(one.choices, other.choices, strict=True)
    return all(_same(a, b, structured="json" in request.facts.needs, threshold=threshold) for a, b in pairs)


def _same(one: Choice, other: Choice, *, structured: bool, threshold: float) -> bool:
    if one.calls or other.calls:
        return _called(one) == _called(other)
    if structured:
        return read_json(one.text) == read_json(other.text)
    finals = final_answer(one.text), final_answer(other.text)
    if finals != (None, None):
        return finals[0] == finals[1]
    return similarity(one.text, other.text) >= threshold


def _called(choice: Choice) -> list[tuple[str, tuple[Any] | None]]:
    return [(call.name, read_json(call.arguments)) for call in choice.calls]


def final_answer(text: str) -> str | None:
    """The letter of a choice or the number that a text comes to, in one form for all ways of writing it; None where
    it comes to neither."""
    text = text[-CHARACTERS_READ:].strip()
    marked = None
    for marked in _MARKED.finditer(text):  # noqa: B007 - The last one is wanted.
        pass
    if marked is not None:
        return marked[1].upper() if marked[1] else _plain(marked[2])
    last = text.rpartition("\n")[2]
    if (letter := _LETTER.fullmatch(last)) is not None:
        return letter[1]
    numbers = _NUMBER.findall(last) if len(last) <= SHORT_CHARACTERS else []
    return _plain(numbers[-1]) if numbers else None


def _plain(number: str) -> str:
    """1,000.50 is 1000.5."""
    digits = re.sub(r"[^0-9.-]", "", number)
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = "-" if digits.startswith("-") else ""
    digits = digits.removeprefix("-").lstrip("0")
    return sign + ("0" + digits if not digits or digits.startswith(".") else digits)


def similarity(one: str, other: str) -> float:
    """Words that both have, as a share of all, from 0 to 1 (Dice 1945), whatever their order."""
    ours, theirs = (Counter(_WORD.findall(text[-CHARACTERS_READ:].lower())) for text in (one, other))
    words = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / words if words else 0.0
