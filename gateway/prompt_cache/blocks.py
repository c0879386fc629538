"""A prompt as a chain of blocks: two prompts that share their first n blocks share all bytes before the end of the nth.

What counts is the order in which providers build the prompt, not the order of the body's keys: tools before system
before messages at Anthropic (https://platform.claude.com/docs/en/build-with-claude/prompt-caching), tools before
messages at OpenAI. Parameters that are no part of the prompt do not matter, nor do marks that tell the provider where
to cache, which clients move from turn to turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

BLOCK_BYTES = 2048
"""Some 512 tokens. A block that is not full is none: the next turn would fill it otherwise."""

BLOCKS_MAX = 2048
"""Of one prompt: 4 MiB, a million tokens. What is behind them is taken for cold, so work and memory are bounded."""

SPACE_MAX = 256
"""Between two members of a body, as anybody indents it."""


class Prompt(Struct, frozen=True):
    """What a provider caches of a request, in one row."""

    text: bytes = b""
    starts: tuple[tuple[str, int], ...] = ()  # The parts of the body, by their keys, and where each begins in `text`.

    def part_at(self, offset: int) -> tuple[str, int]:
        """In which part of the body a byte lies, and how far from that part's beginning. Marks do not count."""
        name, start = next(found for found in reversed(self.starts) if found[1] <= offset)
        return name, offset - start


_VALUE = rb"\s*+:\s*+(?:\{[^{}]*+\}|null)"
_MEMBER = (b'"cache_control"', re.compile(rb'"cache_control"' + _VALUE + rb"(\s*+,\s*+)?"))
_ITEM = (b'{"cachePoint"', re.compile(rb'\{"cachePoint"' + _VALUE + rb"\s*+\}(\s*+,\s*+)?"))
"""What only says where to cache: how it begins, and the whole of it with the comma behind."""

_CHAT = ("cache_salt", "tools", "functions", "response_format", "messages")
_ANTHROPIC = ("tools", "system", "messages")
_ORDER: Mapping[str, tuple[str, ...]] = {
    "openai-chat": _CHAT,
    "openai-completions": ("cache_salt", "prompt"),
    "openai-responses": ("cache_salt", "tools", "text", "instructions", "input"),
    "anthropic-messages": _ANTHROPIC,
    "bedrock-invoke": _ANTHROPIC,
    "bedrock-converse": ("toolConfig", "system", "messages"),
    "gemini": ("systemInstruction", "system_instruction", "tools", "contents"),
    "cohere-chat": ("tools", "documents", "messages"),
}
"""The keys of each dialect that make the prompt, in the order of its provider. Dialects of calls that nobody caches
are not here. `cache_salt` is how callers keep their prefixes apart at vLLM."""

_readers = {
    dialect: msgspec.json.Decoder(
        msgspec.defstruct(
            "Parts",
            [(f"part{i}", msgspec.Raw, msgspec.Raw()) for i in range(len(keys))],
            rename={f"part{i}": key for i, key in enumerate(keys)},
        )
    )
    for dialect, keys in _ORDER.items()
}


def prompt_of(dialect: str, body: bytes) -> Prompt:
    """The prompt of a body in a dialect. Empty where nobody caches calls of this kind, or where it is no JSON."""
    reader = _readers.get(dialect)
    if reader is None:
        return Prompt()
    try:
        parts: tuple[bytes, ...] = msgspec.structs.astuple(reader.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Prompt()
    begins, mark = _ITEM if dialect == "bedrock-converse" else _MEMBER
    marked = begins in body
    pieces, starts, at = [], [], 0
    for key, part in zip(_ORDER[dialect], parts, strict=True):
        seen = memoryview(part)
        if seen:
            starts.append((key, at))
            kept = _without(begins, mark, bytes(part)) if marked else [seen]
            pieces += kept
            at += sum(map(len, kept))
    return Prompt(b"".join(pieces), tuple(starts))


def chain(prompt: Prompt) -> tuple[int, ...]:
    """One number for each full block, which names all bytes up to its end. Good within this process only: the hash is
    keyed anew for each, so nobody can make two prompts that look alike, and nothing of a prompt is ever kept."""
    text, link, links = memoryview(prompt.text), 0, []
    for start in range(0, min(len(text) // BLOCK_BYTES, BLOCKS_MAX) * BLOCK_BYTES, BLOCK_BYTES):
        link = hash((link, text[start : start + BLOCK_BYTES]))
        links.append(link)
    return tuple(links)


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many blocks two chains have in common: all of them at the beginning."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _without(begins: bytes, mark: re.Pattern[bytes], part: bytes) -> list[memoryview]:
    """The part without its marks, each with the comma that parted it from its neighbour. To look for the beginning
    alone is twice as fast as to search for the pattern; and nothing is copied, for a prompt may have megabytes."""
    view, kept, at, found = memoryview(part), [], 0, part.find(begins)
    while found >= 0:
        match = mark.match(part, found)
        end = found + len(begins) if match is None else match.end()
        if match is not None:
            kept.append(view[at : found if match.group(1) else _before_comma(part, found)])
            at = end
        found = part.find(begins, end)
    return [*kept, view[at:]]


def _before_comma(part: bytes, end: int) -> int:
    """Where what stands before this place ends, without the comma that parts it from that."""
    near = part[max(0, end - SPACE_MAX) : end]
    return end - len(near) + len(near.rstrip().removesuffix(b","))
