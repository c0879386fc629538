"""Looking for words that must not be there: in files, dumps and answers, and in the disguises that they get there."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

_GZIP = 31  # How zlib wants to be told.


def disguises(word: bytes) -> set[bytes]:
    """The word as it stands, and as it may be turned into without being hidden: hex, base64 wherever it begins, URLs,
    two bytes a letter, backwards."""
    shifted = {base64.b64encode(b"\0" * before + word)[(before * 8 + 5) // 6 :] for before in range(3)}
    shifted = {text.rstrip(b"=")[:-1] for text in shifted}
    forms = {word, word.hex().encode(), word.hex().upper().encode(), word[::-1], quote(word).encode()}
    forms |= {word.decode("latin-1").encode("utf-16-le")} | shifted
    return forms | {text.replace(b"+", b"-").replace(b"/", b"_") for text in shifted}


class Hunt:
    """Words to look for, by what they are. `places` counts where was looked, and `hits` keeps what was found where."""

    def __init__(self, words: Mapping[str, str | bytes]) -> None:
        self.places = 0
        self.hits: set[tuple[str, str]] = set()
        kinds = {kind: word.encode() if isinstance(word, str) else word for kind, word in words.items()}
        forms = [(form, kind) for kind, word in kinds.items() for form in disguises(word)]
        self._size = min(8, *(len(form) for form, _ in forms))
        self._forms: dict[bytes, list[tuple[bytes, str]]] = {}  # By how they begin.
        for form, kind in forms:
            self._forms.setdefault(form[: self._size], []).append((form, kind))

    def look(self, where: str, said: bytes | str) -> None:
        """Here, and in what is packed here."""
        self.places += 1
        for content in _unpacked(said.encode("utf-8", "surrogateescape") if isinstance(said, str) else said):
            parts = (content[at : at + self._size] for at in range(len(content) - self._size + 1))
            for beginning in set(self._forms).intersection(parts):
                self.hits |= {(where, kind) for form, kind in self._forms[beginning] if form in content}

    def look_below(self, folder: Path, besides: Iterable[str] = ()) -> None:
        """In every file, but those that the test itself wrote there."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in besides:
                with suppress(FileNotFoundError):  # A journal's segment is dropped once the ledger has it.
                    self.look(str(path.relative_to(folder)), path.read_bytes())


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    for begins in re.finditer(rb"\x1f\x8b\x08", content):
        with suppress(zlib.error):
            yield zlib.decompressobj(_GZIP).decompress(content[begins.start() :])
