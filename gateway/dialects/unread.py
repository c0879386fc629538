"""What of a body its count does not know. It counts by its bytes, for a token has at least one: never as nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from gateway.dialects.validate import without_escapes

Members: TypeAlias = dict[str, msgspec.Raw]
Known: TypeAlias = "Mapping[str, Known] | Callable[[Members], Known] | None"
"""Members of an object that are counted otherwise, and what is known inside each. A list is known as each of its items
is, which are no lists. An object may be known by what it says of itself. None: all of it is counted, or no part of the
prompt."""

ALL: Known = None

NUMBER_BYTES_MAX = 32
"""A number, true or false of this length is a setting, whatever its name. Nobody needs a longer number."""

ROLE_BYTES_MAX = 18
"""With its quotes. What comes with each message has room for one, and templates write out also what is none."""

PIECES_MAX = 150_000
"""A chat of 5,000 messages in two parts each has fewer. To take more apart would keep everybody waiting."""

SETTINGS: dict[str, Known] = dict.fromkeys(
    (
        *("model", "user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "cache_control"),
        *("stream_options", "stop", "stop_sequences", "logit_bias", "include", "truncation", "tool_choice"),
        *("prompt_cache_retention", "reasoning", "reasoning_effort", "thinking", "verbosity", "modalities", "audio"),
        *("speed", "inference_geo", "previous_response_id", "conversation", "encoding_format", "function_call"),
        *("cachedContent", "safetySettings", "serviceTier", "labels", "inferenceConfig", "performanceConfig"),
        *("guardrailConfig", "requestMetadata", "additionalModelResponseFieldPaths", "safety_mode"),
        *("responseMimeType", "responseModalities", "stopSequences", "speechConfig", "thinkingConfig", "imageConfig"),
    ),
    ALL,
)
"""At the top of bodies in any dialect, or beside what is generated: no model reads them."""

_object = msgspec.json.Decoder(Members)
_list = msgspec.json.Decoder(list[msgspec.Raw])

_MANY = re.compile(rb'\s*+(?=\{)(?:[^,{\["]*+(?:[,{\[]|"[^"]*+")){%d}' % PIECES_MAX)
"""Each is one step, so that it ends soon, whatever the body is like."""


def by_type(kinds: Mapping[str, Known]) -> Known:
    """An object that is known by its `type`. Of another type, only that is known."""

    def known(members: Members) -> Known:
        return kinds.get(word(members, "type"), {"type": ALL})

    return known


def word(members: Members, name: str) -> str:
    """A short text among the members; "" where there is none."""
    raw = bytes(members.get(name, b'""'))
    found = msgspec.json.decode(raw)
    return found if isinstance(found, str) else ""


def in_many_pieces(body: bytes) -> bool:
    """Whether JSON has so many strings, commas and opening brackets that its bytes are to bound it, and no count."""
    if sum(map(body.count, (b",", b"{", b"[", b'"'))) < PIECES_MAX:
        return False
    return _MANY.match(without_escapes(body)) is not None


def unread(body: bytes, known: Known) -> int:
    """Bytes of a JSON body beside what is known of it. All of them where it cannot be taken apart."""
    try:
        return _beside(msgspec.Raw(msgspec.json.format(body, indent=-1)), known)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return len(body)


def _beside(whole: msgspec.Raw, known: Known) -> int:
    """What is given twice counts too: the earlier of both is in the length of the object and not among its members. So
    does a list within a list, which nobody reads: each would have to be read once for every one around it."""
    found, left = 0, [(whole, known)]
    while left:
        raw, known = left.pop()
        opening = _opening(raw)
        if opening not in (b"{", b"["):
            continue
        if opening == b"[":
            items = _list.decode(raw)
            left += [(item, known) for item in items if _opening(item) != b"["]
            found += sum(len(memoryview(item)) for item in items if _opening(item) == b"[")
            continue
        members = _object.decode(raw)
        while callable(known):
            known = known(members)
        found += len(memoryview(raw)) - 1
        for name, value in members.items():
            if (known is None or name in known) and not _is_long_role(name, value):
                if known and (inside := known[name]) is not None:
                    left.append((value, inside))
            elif not _is_number(value):
                continue
            found -= _written(name, value)
    return found


def _opening(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:1])


def _is_number(raw: msgspec.Raw) -> bool:
    value = memoryview(raw)
    return len(value) <= NUMBER_BYTES_MAX and bytes(value[:1]) not in (b'"', b"{", b"[")


def _is_long_role(name: str, raw: msgspec.Raw) -> bool:
    return name == "role" and len(memoryview(raw)) > ROLE_BYTES_MAX


def _written(name: str, value: msgspec.Raw) -> int:
    """Bytes of `"name":value,`."""
    return len(name.encode(errors="replace")) + 4 + len(memoryview(value))
