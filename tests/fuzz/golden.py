"""The recorded cases of tests/golden/translate, as inputs to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from fuzz.mutation import compact
from fuzz.target import ROOT

from gateway.dialects import sse
from gateway.translate.edge import Edge
from gateway.translate.edges import EDGES

GOLDEN = ROOT / "tests" / "golden" / "translate"


def folder(edge: Edge) -> Path:
    """Where an edge's cases are."""
    return GOLDEN / f"{edge.inbound}_to_{edge.outbound}".replace("-", "_")


def requests(edge: Edge) -> Iterator[bytes]:
    """Bodies of callers."""
    shared = sorted((GOLDEN / "openai_responses").glob("*.in.json")) if edge.inbound == "openai-responses" else []
    for path in [*shared, *sorted(folder(edge).glob("*.in.json"))]:
        given = json.loads(path.read_text())
        if isinstance(given, dict) and isinstance(given.get("body"), dict):
            yield compact(given["body"])


def answers(edge: Edge, side: str = "in") -> Iterator[bytes]:
    """Whole answers of providers; with `side="out"` as the callers get them."""
    for path in sorted([*folder(edge).glob(f"answer-*.{side}.json"), *folder(edge).glob(f"*.answer.{side}.json")]):
        yield compact(json.loads(path.read_text()))


def streams(edge: Edge, side: str = "in") -> Iterator[bytes]:
    """The data of streams, a line for each event."""
    for path in sorted(folder(edge).glob(f"*.{side}.sse")):
        data = (sse.payload(event) for event in sse.events(path.read_bytes()))
        yield b"\n".join(line.replace(b"\n", b" ") for line in data if line)
    for path in sorted(folder(edge).glob(f"*.{side}.jsonl")):
        yield path.read_bytes().strip()


def by_dialect() -> Iterator[tuple[str, bytes]]:
    """Every answer, and every stream, with the dialect that it is in."""
    for edge in EDGES:
        for side, dialect in (("in", edge.outbound), ("out", edge.inbound)):
            for said in (*answers(edge, side), *streams(edge, side)):
                yield dialect, said
