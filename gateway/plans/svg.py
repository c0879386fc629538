"""Lines over a range of numbers, as SVG by hand: what a plan is looked at for needs no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.planning.amounts import up

Points = Sequence[tuple[int | Fraction, Money]]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 80, 32, 40, 40
TICKS = 4
COLOURS = ("#d9822b", "#52698a", "#6a994e")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 } .axis { stroke: #999; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with its name; `low` and `high` are the edges of a band behind it."""

    name: str
    points: Points
    low: Points = ()
    high: Points = ()


def lines(title: str, across: str, drawn: Sequence[Line]) -> str:
    """A plot of dollars over whole numbers, both from nothing on."""
    points = [point for line in drawn for part in (line.points, line.low, line.high) for point in part]
    scale = _Scale(max([1, *(up(x) for x, _ in points)]), round_up(max([1, *(money.picos for _, money in points)])))
    parts = [_axes(scale, across)]
    for number, line in enumerate(drawn):
        colour = COLOURS[number % len(COLOURS)]
        if line.high:
            band = scale.path([*line.low, *reversed(line.high)])
            parts.append(f'<polygon points="{band}" fill="{colour}" fill-opacity="0.2"/>')
        parts.append(f'<polyline points="{scale.path(line.points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = LEFT + 12, TOP + 16 + 18 * number
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{y}">{escape(line.name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}"><style>{STYLE}</style><text x="8" y="20">{escape(title)}</text>'
        f"{''.join(parts)}</svg>\n"
    )


def round_up(most: int) -> int:
    """To the end of an axis whose ticks are at 1, 2, 2.5 or 5 times a power of ten."""
    step = -(-most // TICKS)
    power = int("1".ljust(len(str(step)), "0"))
    return TICKS * next(tens * power // 10 for tens in (10, 20, 25, 50, 100) if tens * power >= 10 * step)


@dataclass(frozen=True, slots=True)
class _Scale:
    most_x: int
    most_picos: int

    def x(self, value: int | Fraction) -> float:
        return float(round(LEFT + (WIDTH - LEFT - RIGHT) * Fraction(value, self.most_x), 1))

    def y(self, picos: int) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * picos / self.most_picos, 1)

    def path(self, points: Points) -> str:
        return " ".join(f"{self.x(x)},{self.y(money.picos)}" for x, money in points)


def _axes(scale: _Scale, across: str) -> str:
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path class="axis" fill="none" d="M{LEFT},{TOP} V{floor} H{right}"/>']
    for tick in range(TICKS + 1):
        value, picos = scale.most_x * tick // TICKS, scale.most_picos * tick // TICKS
        parts.append(f'<text x="{scale.x(value)}" y="{floor + 16}" text-anchor="middle">{short(value)}</text>')
        money = short(picos // PICOS_PER_DOLLAR) if scale.most_picos >= 100 * PICOS_PER_DOLLAR else _cents(picos)
        parts.append(f'<text x="{LEFT - 6}" y="{scale.y(picos) + 4}" text-anchor="end">${money}</text>')
    parts.append(f'<text x="{(LEFT + right) // 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>')
    return "".join(parts)


def _cents(picos: int) -> str:
    return f"{picos // 10**10 // 100}.{picos // 10**10 % 100:02d}"


def short(number: int) -> str:
    """As it stands on an axis: 750, 2.5K, 10M."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        tenths, rest = divmod(10 * number, size)
        if number >= size and not rest:
            return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 10 else ''}{letter}"
        if number >= 10 * size:
            return f"{number // size}{letter}"
    return f"{number:,}"
