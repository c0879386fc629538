"""Where in a body a byte lies, as a path that people write: `messages[3].content[0].text`."""

from __future__ import annotations

import msgspec

DEPTH_MAX = 8

_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def place(text: bytes, offset: int) -> tuple[str, int]:
    """The innermost value of this JSON that holds the byte, and how far into that value it lies. A byte between two
    values is the next one's."""
    path, start = "", 0
    for _ in range(DEPTH_MAX):
        inner = _inner(text, offset - start)
        if inner is None:
            break
        step, begins, text = inner
        path, start = path + step, start + begins
    quote = text.startswith(b'"')  # Of a text, bytes are counted from its first letter.
    return path, max(0, offset - start - quote)


def _inner(text: bytes, offset: int) -> tuple[str, int, bytes] | None:
    """The member that holds the byte: its step in the path, where it begins, and itself."""
    try:
        if text[:1] == b"[":
            at = 1
            for number, raw in enumerate(_array.decode(text)):
                value = bytes(raw)
                at = text.index(value, at)
                if offset < at + len(value):
                    return f"[{number}]", at, value
                at += len(value)
        elif text[:1] == b"{":
            at = 1
            for name, raw in _object.decode(text).items():
                value = bytes(raw)
                colon = text.index(b":", text.index(msgspec.json.encode(name), at) + len(name) + 2)
                at = text.index(value, colon + 1)
                if offset < at + len(value):
                    return f".{name}", at, value
                at += len(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return None
