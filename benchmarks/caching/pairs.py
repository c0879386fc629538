"""Pairs of questions of which people have said whether they ask the same, from the shared data."""

from __future__ import annotations

import csv
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[3] / "shared")
FOLDER = SHARED / "data" / "semantic_pairs"


class Pair(NamedTuple):
    """Two texts, and whether an answer to one is an answer to the other."""

    one: str
    other: str
    same: bool


def data_sets() -> dict[str, list[Pair]]:
    """By name, in the order of their files; empty where they are not there."""
    return {"qqp": list(_qqp()), "sick": list(_sick()), "parade": list(_parade())} if FOLDER.is_dir() else {}


def halves(pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Divided so that no text is in both: pairs that share a text, however written, stay together."""
    above: dict[str, str] = {}

    def root(text: str) -> str:
        while (higher := above.setdefault(text, text)) != text:
            above[text] = above.setdefault(higher, higher)
            text = above[text]
        return text

    for pair in pairs:
        above[root(_plain(pair.one))] = root(_plain(pair.other))
    found: tuple[list[Pair], list[Pair]] = ([], [])
    for pair in pairs:
        found[zlib.crc32(root(_plain(pair.one)).encode()) % 2].append(pair)
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _qqp() -> Iterator[Pair]:
    with gzip.open(FOLDER / "qqp_sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Pair(row["text_a"], row["text_b"], row["label"] == 1)


def _sick() -> Iterator[Pair]:
    """The same where each entails the other."""
    with gzip.open(FOLDER / "sick.tsv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            both = (row["entailment_AB"], row["entailment_BA"]) == ("A_entails_B", "B_entails_A")
            yield Pair(row["sentence_A"], row["sentence_B"], both)


def _parade() -> Iterator[Pair]:
    for name in ("validation", "test"):
        with (FOLDER / f"parade_{name}.tsv").open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield Pair(row["Definition1"], row["Definition2"], row["Binary labels"] == "1")
