"""What of a prompt would be warm where, without the prompt: a conversation's prompts are taken to begin with those
before, and to have nothing in common with others'."""

from __future__ import annotations

from zlib import crc32

from gateway.core.entry import Entry
from gateway.prompt_cache.blocks import BLOCK_BYTES, BLOCKS_MAX
from gateway.prompt_cache.warmth import NOTHING, Prefix

BYTES_PER_TOKEN = 4


def prefix_of(entry: Entry) -> Prefix:
    """Its prompt in blocks that stand for those of its conversation; none for a call that belongs to none."""
    if not entry.session:
        return NOTHING
    size = entry.usage.input_total * BYTES_PER_TOKEN
    first = crc32(f"{entry.caller.key_id}\0{entry.session}".encode(errors="replace")) * BLOCKS_MAX
    return Prefix(tuple(range(first, first + min(size // BLOCK_BYTES, BLOCKS_MAX))), size)
