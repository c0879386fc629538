"""How long a feed's regex may look at a name. Names come from callers, and nothing else runs while one is matched."""

from __future__ import annotations

import re

LONGEST_NAME = 256  # Characters. Names come from callers; a longer one is no model, and regexes take their time.

MOST_WAYS = 1000
"""In which a regex may try to fit a name, from one place on: some milliseconds at the very most. Published ones have up
to 514."""

TOKEN = re.compile(
    r"(?P<unknown>\(\?(?!:|<?[=!]))|(?P<open>\((?:\?(?::|<?[=!]))?)|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<repeat>(?:[*+?]|\{(?P<least>\d*)(?P<comma>,)?(?P<most>\d*)\}(?<!\{\}))[?+]?)"
    r"|(?:\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)",
    re.DOTALL,
)


def slow(regex: str) -> str:
    """Why a regex that compiles might take too long; empty if it does not.

    Each repetition and each choice multiplies the ways to fit a name. Of what repeats as a whole (`(a+)+`) there are
    as many as names have parts, so a group may be there or not, and no more.
    """
    ways, bars, after_group = 1, [0], False
    for token in TOKEN.finditer(regex):
        kind = token.lastgroup
        if kind == "unknown":
            return f"of what begins with (? it may only group and look around: {regex[token.start() :][:4]}"
        if kind == "open":
            bars.append(0)
        elif kind == "bar":
            bars[-1] += 1
        elif kind == "close":
            ways *= bars.pop() + 1
        elif kind == "repeat":
            if after_group and not token[0].startswith("?"):
                return f"it repeats a group: {token[0]}"
            ways *= choices(token)
        after_group = kind == "close"
    ways *= bars.pop() + 1
    return "" if ways <= MOST_WAYS else f"it may fit a name in {ways} ways"


def choices(repeat: re.Match[str]) -> int:
    """How many times a repetition may be tried, each a way of its own."""
    if repeat[0].startswith("?"):
        return 2
    least, most = int(repeat["least"] or 0), LONGEST_NAME
    if repeat["most"] or (repeat["least"] and not repeat["comma"]):
        most = int(repeat["most"] or least)
    return min(most, LONGEST_NAME) - min(least, LONGEST_NAME) + 1
