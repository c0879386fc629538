"""The figures as a table for the terminal and as a plot for the README."""

from __future__ import annotations

from math import log10
from typing import Any

COLUMNS = (
    ("small_chat", "cpu_us", "chat µs"),
    ("small_chat", "rps", "calls/s"),
    ("small_chat", "p50_ms", "+p50 ms"),
    ("small_chat", "p99_ms", "+p99 ms"),
    ("long_prompt", "cpu_us", "75k µs"),
    ("embeddings", "cpu_us", "embed µs"),
    ("stream", "cpu_us", "stream µs"),
    ("stream", "cpu_us_a_chunk", "chunk µs"),
    ("stream", "first_token_added_ms", "+ttft ms"),
    ("cache_hit", "cpu_us", "cached µs"),
    ("refusal", "cpu_us", "refused µs"),
    ("open_streams", "rss_mb", "1000 MB"),
)


def table(figures: dict[str, Any]) -> str:
    names = list(figures["startup_s"])
    rows = [["", *(title for _, _, title in COLUMNS), "idle MB", "start s", "size MB"]]
    for name in names:
        cells = [figures.get(workload, {}).get(name, {}).get(figure) for workload, figure, _ in COLUMNS]
        cells += [figures["rss_idle_mb"][name], figures["startup_s"][name], figures["install_mb"].get(name)]
        rows.append([name, *("" if cell is None else f"{cell:,.4g}" for cell in cells)])
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += ["", *(f"{name}: off: {off}" for name, off in figures["off"].items())]
    lines += ["", *(f"{what}: skipped: {why}" for what, why in figures["skipped"].items())]
    for name, bar in figures["bars"].items():
        verdict = {True: "met", False: "NOT met", None: "not measured"}[bar["met"]]
        lines.append(f"{name:26s} {bar['value']!s:>8s} {bar['sign']} {bar['bar']}  {verdict}")
    return "\n".join(lines)


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 } .bar { fill: #8aa4c8 } .ours { fill: #d9822b }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .bar { fill: #52698a } }
"""
ROW, LEFT, WIDTH = 26, 120, 420


def plot(figures: dict[str, Any]) -> str:
    """CPU of a small chat, on a logarithmic scale."""
    costs = sorted((seen["cpu_us"], name) for name, seen in figures["small_chat"].items())
    most = log10(costs[-1][0])
    parts = []
    for row, (cost, name) in enumerate(costs):
        y, length = ROW * row + 34, WIDTH * log10(cost) / most
        kind = "bar ours" if name == "fareway" else "bar"
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{name}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.0f}" height="18" rx="3"/>',
            f'<text x="{LEFT + length + 6:.0f}" y="{y + 14}">{cost:,.0f}</text>',
        ]
    height = ROW * len(costs) + 44
    title = "CPU per small chat call, µs (logarithmic). Fareway meters; the others only forward."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" role="img" aria-label="{title}">'
        f'<style>{STYLE}</style><text x="8" y="18">{title}</text>{"".join(parts)}</svg>\n'
    )
