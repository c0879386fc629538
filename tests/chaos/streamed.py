"""What a caller may have got of a stream, and what it may not."""

from __future__ import annotations

import random
import re

from tongues import Heard, Tongue


def plain(stream: bytes) -> bytes:
    """Without what differs from answer to answer."""
    stream = re.sub(rb"[0-9a-f]{32}", b"0" * 32, stream)
    return re.sub(rb'"created(_at)?": \d{10}', rb'"created\1": 1000000000', stream)


def fault_in(tongue: Tongue, whole: bytes, heard: Heard) -> str:
    """What is wrong with what a caller got of this stream, which broke; empty if nothing is."""
    if heard.status != 200:
        return "" if heard.status == 502 and tongue.told(502, heard.body) else f"status {heard.status}"
    if heard.broken:
        return "the connection broke"
    if not tongue.told_in_stream(heard.body):
        got = plain(heard.body)
        if not whole.startswith(got):
            return "bytes that nobody sent"
        _, said, after = got.partition(tongue.last)
        ended = got == whole or b"\n\n" in after or after.endswith((b"}", b"}\n"))
        return "" if said and ended else "synthetic success"
    named = tongue.name in ("openai-responses", "anthropic-messages")
    came = plain(heard.body[: heard.body.rfind(b"event: error\n" if named else b"data: {")])
    return "" if whole.startswith(came) and (not came or came.endswith(b"\n\n")) else "bytes that nobody sent"


def offsets(size: int, full: bool, dice: random.Random, some: int = 60) -> list[int]:
    """Where to cut: everywhere, or at a few places."""
    return list(range(size)) if full else sorted(dice.sample(range(size), min(size, some)))
