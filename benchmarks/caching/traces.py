"""Coding sessions as they were recorded (coding_traces of the shared data): calls with the prefixes that they share.

Origin and licence: callanjfox/kv-cache-tester, Apache-2.0. Nothing of it is in this repository.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[3] / "shared")
ARCHIVE = SHARED / "data" / "coding_traces" / "traces.tar.xz"
BLOCK_TOKENS = 64
OURS = 8  # Of them in one of the gateway's own.


class Call(NamedTuple):
    """One request. `path`: the stretches of its prompt, (number, tokens), each of which is shared in whole or not."""

    at: float  # Seconds from the session's start.
    model: str
    tokens_in: int
    tokens_out: int
    path: tuple[tuple[int, int], ...]
    chain: tuple[int, ...]  # A name for each of its beginnings of whole blocks, as the gateway has them (512 tokens).


Session = list[Call]


def sessions() -> list[Session]:
    """Every recorded session, those of subagents inside their parents', in the order of the archive's names."""
    with tarfile.open(ARCHIVE) as archive:
        files = sorted((m for m in archive if m.name.endswith(".json")), key=lambda m: m.name)
        return [_session(json.load(archive.extractfile(member))) for member in files]


def _session(trace: dict[str, Any]) -> Session:
    flat = sorted(_flat(trace["requests"], 0.0), key=lambda found: found[0])
    paths, ends = _trie([request["hash_ids"] for _, request in flat])
    head = (trace["tool_tokens"] + trace["system_tokens"]) // BLOCK_TOKENS
    ends |= {path[head - 1] for path in paths if len(path) >= head > 0}
    return [
        Call(at, request["model"], request["in"], request["out"], _stretches(path, ends), tuple(path[OURS - 1 :: OURS]))
        for (at, request), path in zip(flat, paths, strict=True)
    ]


def _flat(requests: list[dict[str, Any]], start: float) -> Iterator[tuple[float, dict[str, Any]]]:
    for request in requests:
        if "requests" in request:
            yield from _flat(request["requests"], start + request["t"])
        else:
            yield start + request["t"], request


def _trie(prompts: list[list[int]]) -> tuple[list[list[int]], set[int]]:
    """The prompts as paths of nodes, each of which names everything before it, and the nodes where paths end or
    part."""
    children: dict[tuple[int, int], int] = {}
    paths: list[list[int]] = []
    forks: dict[int, int] = {}
    for ids in prompts:
        before, path = (prompts[len(paths) - 1], paths[-1]) if paths else ([], [])
        walked = path[: _shared(before, ids)]
        at = walked[-1] if walked else -1
        for block in ids[len(walked) :]:
            if (at, block) not in children:
                children[at, block] = len(children)
                forks[at] = forks.get(at, 0) + 1
            at = children[at, block]
            walked.append(at)
        paths.append(walked)
    return paths, {path[-1] for path in paths if path} | {node for node, count in forks.items() if count > 1}


def _shared(one: list[int], other: list[int]) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _stretches(path: list[int], ends: set[int]) -> tuple[tuple[int, int], ...]:
    found, before = [], 0
    for count, node in enumerate(path, 1):
        if node in ends:
            found.append((node, (count - before) * BLOCK_TOKENS))
            before = count
    return tuple(found)
