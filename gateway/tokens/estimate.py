"""About how many tokens? A weighted sum of kinds of bytes: for choosing, and for calibration to build on.

The weights were fitted to what providers reported and to our own exact counts (`scripts/fit_tokens.py`),
on prompts as the clients of OpenAI's chat write them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.tokens.families import family_of
from gateway.tokens.size import Size, Text, kinds

BYTES_PER_TOKEN_MAX = 12
"""No text has more, so that a sum of weights that misses never comes out near nothing."""

BYTES_PER_TOKEN = 4
"""Where there is no text to look at: the median over prose and code is a little above four."""

WORD_LETTERS = 8
RUN_ON_TOKENS = 0.5
"""Small letters beyond so many for each byte that may end a word belong to no language: they are tokens of two."""

TURN = b'{"role":"user","content":""},'
TURN_TOKENS = 4


class Weights(Struct, frozen=True):
    """Tokens for each byte of a kind, `first` for the call as such, and `turn` for each turn but the first."""

    first: float
    lower: float
    spaces: float
    indents: float
    upper: float
    digits: float
    high: float
    signs: float
    escapes: float

    def of(self, text: Text) -> float:
        """The tokens of a text and of what surrounds it."""
        return (
            self.first
            + self.lower * text.lower
            + self.spaces * text.spaces
            + self.indents * text.indents
            + self.upper * text.upper
            + self.digits * text.digits
            + self.high * text.high
            + self.signs * text.signs
            + self.escapes * text.escapes
        )


FITTED = msgspec.json.decode((Path(__file__).parent / "weights.json").read_bytes(), type=dict[str, Weights])


def estimate(size: Size, model: str) -> float:
    """Input tokens at `model`, as likely more as less. Never below one."""
    if size.text is None:
        return size.body / BYTES_PER_TOKEN + 1
    weights, turn, scale = _fitted(model)
    tokens = (weights.of(size.text) + _run_on(size.text) + turn * (size.turns - 1)) * scale
    return max(tokens, size.body / BYTES_PER_TOKEN_MAX, 1.0)


def _run_on(text: Text) -> float:
    ends = text.spaces + text.upper + text.digits + text.high + text.signs + text.escapes
    return max(0.0, text.lower - WORD_LETTERS * ends) * RUN_ON_TOKENS


@lru_cache(maxsize=1024)
def _fitted(model: str) -> tuple[Weights, float, float]:
    """Weights, tokens of a further turn (its JSON counts for less than text), and the family's factor on both."""
    family = family_of(model)
    weights = FITTED[family.weights]
    turn = TURN_TOKENS - (weights.of(kinds(TURN, 1.0)) - weights.first)
    return weights, turn, family.likely / 100
