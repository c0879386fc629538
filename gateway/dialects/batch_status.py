"""What providers say about a batch: whether it has ended, and where its results are.

OpenAI: https://platform.openai.com/docs/api-reference/batch/object. Anthropic:
https://platform.claude.com/docs/en/api/retrieving-message-batches.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.dialects.batch_requests import is_id
from gateway.dialects.openai_usage import UNREADABLE

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
"""How OpenAI calls a batch of which nothing more comes. What was done before is charged in all of them."""


class Status(NamedTuple):
    """One batch, as its provider tells of it."""

    id: str
    ended: bool  # And its results can be read.
    files: tuple[str, ...] = ()  # OpenAI's, which hold the results.
    done: int = 0  # Calls that have an answer, where the provider says so.


class _Counts(msgspec.Struct):
    completed: int = 0
    succeeded: int = 0


class _Batch(msgspec.Struct):
    id: str
    status: str = ""
    processing_status: str = ""
    output_file_id: str | None = None
    error_file_id: str | None = None
    results_url: str | None = None
    request_counts: _Counts | None = None


class _Named(msgspec.Struct):
    id: str


_named = msgspec.json.Decoder(_Named)
_batches = msgspec.json.Decoder(_Batch)
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_id(body: bytes) -> str | None:
    """The id of any object of theirs; None where there is none that can stand in a path."""
    try:
        name = _named.decode(body).id
    except UNREADABLE:
        return None
    return name if is_id(name) else None


def read_status(body: bytes) -> Status | None:
    """What the object says; None for what is none."""
    try:
        said = _batches.decode(body)
    except UNREADABLE:
        return None
    if not is_id(said.id):
        return None
    files = tuple(name for name in (said.output_file_id, said.error_file_id) if name is not None and is_id(name))
    counts = said.request_counts or _Counts()
    done = max(counts.completed, counts.succeeded)
    over = said.status in ENDED or said.processing_status == "ended"
    there = said.output_file_id is not None or said.results_url is not None
    return Status(said.id, over and (there or not done), files, done)


def with_results_here(body: bytes, path: str) -> bytes:
    """Anthropic's object with the results at this path of ours: clients follow the address that it names, and an
    absolute one would lead them around us."""
    try:
        said = _top.decode(body)
    except UNREADABLE:
        return body
    if bytes(said.get("results_url", b"null")) == b"null":
        return body
    return msgspec.json.encode(said | {"results_url": msgspec.Raw(msgspec.json.encode(path))})
