"""How names are written, as the API checks them and its document tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

_END = r"$(?!\n)"  # In Python `$` alone would also stand before a line's end.
_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"  # Those of writing direction, too.

Id = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9._@+-]*{_END}",
        description="Letters, digits and . _ @ + -; limits and reports use it.",
    ),
]
Above = Annotated[
    str,
    Meta(max_length=100, pattern=rf"^([A-Za-z0-9][A-Za-z0-9._@+-]*)?{_END}", description="An id; empty for none."),
]
Text = Annotated[
    str, Meta(max_length=200, pattern=rf"^[^{_CONTROLS}]*{_END}", description="For people, without control characters.")
]
Word = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^[^\s{_CONTROLS}]+{_END}")]
Tag = Annotated[str, Meta(min_length=1, max_length=100, pattern=rf"^[^\s*,{_CONTROLS}]+{_END}")]
Models = Annotated[tuple[Word, ...], Meta(max_length=500, description="What it may ask for alone; empty: all.")]
Networks = Annotated[
    tuple[Word, ...],
    Meta(max_length=100, description="Where it may be used from, such as 10.0.0.0/8 or 192.0.2.7; empty: anywhere."),
]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=8, description="What limits and reports may group its calls by.")]
Metadata = Annotated[dict[Word, Text], Meta(max_length=32, description="Your own words; up to 32.")]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset.")]
Deadline = Annotated[str, Meta(max_length=20, description="By when its calls want their answers: 2h, 1d.")]
Url = Annotated[str, Meta(max_length=2000, description="https://…; empty for none.")]
