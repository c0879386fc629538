"""A plot as PNG, for what shows no SVG. Drawn by resvg, an extra, with a font of the machine."""

from __future__ import annotations

from importlib.util import find_spec

from gateway.cli.settings import Unusable

FAMILIES = ("DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica", "Segoe UI")
"""Of these, what a machine has: most have one."""
ZOOM = 2
"""For screens with small pixels."""
_LETTER = """<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">
<text x="2" y="18" font-family="sans-serif">{}</text></svg>"""


def png(svg: str) -> bytes:
    """The same as pixels, on white. Raises Unusable."""
    if find_spec("resvg_py") is None:
        raise Unusable("a plot as PNG needs one more package: pip install 'fareway[plot]'; .svg needs none")
    for family in FAMILIES:
        if _drawn(_LETTER.format("M"), family) != _drawn(_LETTER.format(""), family):
            return _drawn(svg, family)
    raise Unusable(f"a plot as PNG needs a font: {', '.join(FAMILIES)}; .svg needs none")


def _drawn(svg: str, family: str) -> bytes:
    import resvg_py  # noqa: PLC0415 - an extra, and only here

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=ZOOM, background="white", sans_serif_family=family))
