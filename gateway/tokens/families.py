"""What is known of each family of models: vocabulary, factor, images, hidden preambles.

Figures: measured on recorded requests where the source says so, else the provider's published
rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from gateway.tokens.pictures import Crops, Flat, Patches, Rule, Squares, Tiles

O200K = "o200k_base"
CL100K = "cl100k_base"

PATCHES_MAX = 1536  # Of 32 × 32 pixels.
PATCHES_MAX_LARGE = 10_000  # "Original" detail, GPT-5.2 and later.


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of models turns a request into tokens."""

    openai: bool = False  # True: OpenAI's chat formula holds. False: the count is scaled, to be on the safe side.
    encoding: str = O200K
    percent: int = 130  # Per hundred o200k tokens of letters, at the upper end of what was recorded.
    pictures: Rule = Flat(16_384)
    priming: int = 3  # Tokens that open the answer.
    template: int = 15  # Hidden tokens around any conversation.
    tools: int = 300  # Hidden tokens as soon as there are tools.
    weights: str = "o200k"  # Which of the fitted weights an estimate uses,
    likely: int = 105  # and the tokens per hundred of what they say.

    @property
    def image(self) -> int:
        """Tokens of the largest picture."""
        return self.pictures.most


OTHER = Family()
GPT = Family(openai=True, percent=100, pictures=Tiles(85, 170), template=0, tools=16, likely=100)
GPT_5 = replace(GPT, pictures=Tiles(70, 140), priming=2, tools=16 + 94)
GPT_LATER = replace(GPT_5, pictures=Patches(PATCHES_MAX_LARGE, 120), priming=3)
CLAUDE = Family(percent=135, pictures=Squares(1_568, 1_600), tools=600, weights="claude", likely=100)
CLAUDE_LATER = Family(percent=185, pictures=Squares(2_576, 4_784), tools=600, weights="claude", likely=135)
GEMINI = Family(pictures=Crops(), likely=120)
GEMINI_3 = Family(pictures=Flat(2_240), likely=120)  # Recorded: 1,085 to 1,102 each by default; twice that at most.
MISTRAL = Family(weights="mistral", likely=100)

_BY_NAME = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"^sim-", GPT),
        (r"^gpt-oss", OTHER),
        (r"^gpt-4o-mini", replace(GPT, pictures=Tiles(2833, 5667))),
        (r"^gpt-4\.1-nano", replace(GPT, pictures=Patches(PATCHES_MAX, 246))),
        (r"^gpt-5-nano", replace(GPT_5, pictures=Patches(PATCHES_MAX, 246))),
        (r"^gpt-5-mini", replace(GPT_5, pictures=Patches(PATCHES_MAX, 162))),
        (r"^gpt-4\.1-mini", replace(GPT, pictures=Patches(PATCHES_MAX, 162))),
        (r"^o4-mini", replace(GPT, pictures=Patches(PATCHES_MAX, 172))),
        (r"^(gpt-4o|gpt-4\.1|gpt-4\.5|chatgpt)", GPT),
        (r"^(gpt-4|gpt-3\.5|gpt-35|text-embedding)", replace(GPT, encoding=CL100K)),
        (r"^gpt-5(\.1)?(?!\.?\d)", GPT_5),
        (r"^gpt-5", replace(GPT_LATER, priming=2)),
        (r"^o3-mini", replace(GPT, priming=2)),
        (r"^(gpt|o\d|codex|computer-use)", GPT_LATER),
        (r"gemini-[12](?!\d)", GEMINI),
        (r"gemini-[3-9]", GEMINI_3),
        (r"gemini", replace(GEMINI, pictures=Flat(GEMINI.image))),
        (r"(mistral|mixtral|ministral|magistral|codestral|devstral|pixtral)", MISTRAL),
    )
)
_CLAUDE_VERSION = re.compile(r"(?<!\d)(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)")


@lru_cache(maxsize=1024)
def family_of(model: str) -> Family:
    """The family of a model, by its name; a path in front (`openai/`, `us.anthropic.`) does not matter."""
    name = model.lower().rpartition("/")[2].removeprefix("ft:")
    before, claude, version = name.partition("claude")
    if claude and (not before or before.endswith(".")):
        return _claude(version)
    return next((family for pattern, family in _BY_NAME if pattern.search(name)), OTHER)


def _claude(version: str) -> Family:
    """Claude 4.7 came with a tokenizer that yields half as many tokens again; no version means the newest."""
    found = _CLAUDE_VERSION.search(version)
    if found and (int(found[1]), int(found[2] or 0)) < (4, 7):
        return CLAUDE
    return CLAUDE_LATER
