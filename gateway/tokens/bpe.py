"""tiktoken, made safe: vocabularies from the package, long texts in chunks, panics survived."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import tiktoken

from gateway.tokens.bounds import size

CHUNK_CHARS = 100_000
"""The longest text given to tiktoken at once. It panics (stack overflow) on a million spaces, not on half of that."""

EXACT_CHARS_MAX = 2_000_000
"""Characters counted exactly per call, about a second of work for the worst text; the rest counts as its bytes."""

VOCABULARIES = Path(__file__).parent.parent / "encodings"

_CUT_SEARCH_CHARS = 1_000
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_loading = threading.Lock()
_loaded: set[str] = set()


def encoding(name: str) -> tiktoken.Encoding:
    """The vocabulary called `name`. The first call takes 0.3 s and 80 MB, so make it off the event loop.

    Raises OSError if the package's own file is unreadable, ValueError for an unknown name.
    """
    with _loading:
        found = _load(name)
    _loaded.add(name)
    return found


def loaded(name: str) -> bool:
    """Whether that vocabulary is at hand at once."""
    return name in _loaded


def count(texts: tuple[str, ...], vocabulary: tiktoken.Encoding, weigh: Callable[[list[int]], int] = len) -> int:
    """Tokens of these texts together, markers such as `<|endoftext|>` being plain text. `weigh`: what some tokens come
    to. Never raises."""
    total, left = 0, EXACT_CHARS_MAX
    for text in texts:
        total += sum(_count_chunk(chunk, vocabulary, weigh) for chunk in chunks(text[:left])) + size(text[left:])
        left = max(0, left - len(text))
    return total


def ids(text: str, vocabulary: tiktoken.Encoding) -> list[int]:
    """The tokens of a friendly text themselves, chunk by chunk as `count` counts them."""
    return [token for chunk in chunks(text) for token in vocabulary.encode_ordinary(chunk)]


def chunks(text: str) -> Iterator[str]:
    """Cut a text into pieces of at most `CHUNK_CHARS`, before whitespace where there is some near."""
    start = 0
    while len(text) - start > CHUNK_CHARS:
        end = _cut_before(text, start + CHUNK_CHARS)
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _cut_before(text: str, end: int) -> int:
    """The last place near `end` where a word ends, which is where tokens end anyway; else `end`."""
    for place in range(end, end - _CUT_SEARCH_CHARS, -1):
        if text[place].isspace() and not text[place - 1].isspace():
            return place
    return end


def _count_chunk(chunk: str, vocabulary: tiktoken.Encoding, weigh: Callable[[list[int]], int]) -> int:
    try:
        return weigh(vocabulary.encode_ordinary(chunk))
    except BaseException as panic:
        # A panic in Rust derives from BaseException, and its type cannot be imported.
        if type(panic).__name__ != "PanicException":
            raise
        return size(chunk)


@cache
def _load(name: str) -> tiktoken.Encoding:
    with _own_vocabularies():
        return tiktoken.get_encoding(name)


@contextmanager
def _own_vocabularies() -> Iterator[None]:
    """Point tiktoken at the package's files. The environment is the only way to tell it."""
    before = os.environ.get(_CACHE_VARIABLE)
    os.environ[_CACHE_VARIABLE] = str(VOCABULARIES)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = before
