"""Bodies for Gemini, in either spelling: Google reads `systemInstruction` and `system_instruction` alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.dialects import splice
from gateway.dialects.validate import decode


def plain_mime(named: str | None) -> str:
    """The name of a MIME type, in which case does not matter."""
    return (named or "").strip().lower()


class Blob(msgspec.Struct, rename="camel"):
    """A picture, a recording or a document, inside the body or by reference."""

    mime_type: str | None = None
    data: msgspec.Raw = msgspec.Raw()  # Base64, in quotes.
    file_uri: str | None = None

    @property
    def kind(self) -> str:
        """Its MIME type, as it is compared."""
        return plain_mime(self.mime_type)


class Part(msgspec.Struct, rename="camel"):
    """A piece of what is said."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: Blob | None = None
    function_call: msgspec.Raw = msgspec.Raw()
    function_response: msgspec.Raw = msgspec.Raw()
    executable_code: msgspec.Raw = msgspec.Raw()
    code_execution_result: msgspec.Raw = msgspec.Raw()
    thought_signature: msgspec.Raw = msgspec.Raw()


class Content(msgspec.Struct, rename="camel"):
    """One turn. Google takes a single part for a list of one."""

    parts: list[Part] | Part | None = None


class Body(msgspec.Struct, rename="camel"):
    """What money depends on of a request."""

    contents: list[Content] | Content
    system_instruction: Content | None = None
    tools: msgspec.Raw = msgspec.Raw()
    tool_config: msgspec.Raw = msgspec.Raw()
    generation_config: msgspec.Raw = msgspec.Raw()
    cached_content: str | None = None
    service_tier: str | None = None


class Thinking(msgspec.Struct, rename="camel"):
    """How much is thought before an answer."""

    thinking_budget: int | None = None


class Generation(msgspec.Struct, rename="camel"):
    """How to answer."""

    max_output_tokens: int | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_modalities: list[str] | str | None = None
    thinking_config: Thinking | None = None
    speech_config: msgspec.Raw = msgspec.Raw()


class _Response(msgspec.Struct):
    """What a function gave back: media may be among it."""

    response: msgspec.Raw = msgspec.Raw()
    parts: list[Part] | None = None


_STRUCTS = (Blob, Part, Body, Thinking, Generation)
_CAMEL = {
    name: written
    for struct in _STRUCTS
    for name, written in zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    if name != written
}
_SNAKE = re.compile(rb'"(?:' + b"|".join(name.encode() for name in _CAMEL) + rb')"')
_SNAKE_ENDS = re.compile(rb"_(?:" + b"|".join(name.partition("_")[2].encode() for name in _CAMEL) + rb')"')
"""Of the same names. Most bodies have far more quotes than underscores, so this is sooner done."""
_BODY_KEYS, _GENERATION_KEYS = (s.__struct_encode_fields__ for s in (Body, Generation))
_HIDDEN_LETTER = re.compile(rb"\\u00[4-7]")  # As in "generation\u005fconfig".
_MEDIA = re.compile(rb'"(?:inlineData|fileData|mimeType|fileUri)"')
_BLOBS = re.compile(rb'"(?:inlineData|fileData|mimeType|fileUri|data)"')

_bodies = msgspec.json.Decoder(Body)
_generations = msgspec.json.Decoder(Generation | None, strict=False)  # Numbers may be strings: so writes protobuf.
_NOT_GIVEN = msgspec.Raw()
_responses = msgspec.json.Decoder(_Response)


def read_body(body: bytes) -> Body:
    """The body. Raises BadRequest, also where a field that money depends on is given twice in any spelling."""
    plain = camel(body)
    found = decode(_bodies, plain)
    splice.refuse_twins(plain, _BODY_KEYS)
    refuse_media_twins(plain, contents(found), found.tools, found.generation_config)
    return found


def refuse_media_twins(plain: bytes, said: Sequence[Content], *others: msgspec.Raw) -> None:
    """Raise BadRequest where a picture, a recording or a document is given twice in this JSON, in which all this is
    said. `others`: tools and schemas in it, which may call what they like so."""
    named = _names(plain)
    if named and named > sum(map(_names, others)) + _known_names(said):
        _respelt(plain)  # A text may be just such a name.


def _names(raw: bytes | msgspec.Raw) -> int:
    """How often those stand there by which a picture, a recording or a document could be given twice."""
    return len(_BLOBS.findall(raw))


def _known_names(said: Sequence[Content]) -> int:
    """How many of them have been read there, or are what tools call so."""
    return sum(_read_names(part) + _names_of_tools(part) for part in parts(said))


def _read_names(part: Part) -> int:
    blobs = [blob for blob in (part.inline_data, part.file_data) if blob is not None]
    given = [blob.mime_type is not None for blob in blobs]
    given += [blob.file_uri is not None for blob in blobs]
    given += [blob.data != _NOT_GIVEN for blob in blobs]
    return len(blobs) + sum(given)


def _names_of_tools(part: Part) -> int:
    answered = part.function_response
    if _MEDIA.search(answered):  # The parts beside what it answered are read, too.
        answered = decode(_responses, bytes(answered)).response
    return _names(part.function_call) + _names(answered)


def camel(body: bytes) -> bytes:
    """The body with the names that we read spelt as Google's clients spell them. Raises BadRequest."""
    snake = _SNAKE_ENDS.search(body) is not None and _SNAKE.search(body) is not None
    if not snake and _HIDDEN_LETTER.search(body) is None:
        return body
    return _respelt(body)


def _respelt(body: bytes) -> bytes:
    """The same, name by name. Raises BadRequest, also for any that is given twice."""
    try:
        return msgspec.json.encode(json.loads(body.decode(), object_pairs_hook=_renamed))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise BadRequest("The body is not valid JSON in UTF-8.") from None


def _renamed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for name, value in pairs:
        spelt = _CAMEL.get(name, name)
        if spelt in renamed:
            raise BadRequest(f"{spelt[:100]!r} is given twice", spelt[:100])
        renamed[spelt] = value
    return renamed


def read_generation(body: Body) -> Generation:
    """How to answer. Raises BadRequest."""
    raw = bytes(body.generation_config)
    if raw in (b"", b"null"):
        return Generation()
    found = decode(_generations, raw) or Generation()
    splice.refuse_twins(raw, _GENERATION_KEYS)
    return found


def turns(body: Body) -> Sequence[Content]:
    """What is said, turn by turn, without the instruction."""
    return body.contents if isinstance(body.contents, list) else (body.contents,)


def contents(body: Body) -> Sequence[Content]:
    """What is said, the instruction included."""
    instruction = () if body.system_instruction is None else (body.system_instruction,)
    return (*instruction, *turns(body))


def parts(said: Sequence[Content]) -> Iterator[Part]:
    """All parts, those inside what functions gave back included."""
    for content in said:
        for part in content.parts if isinstance(content.parts, list) else (content.parts,):
            if part is None:
                continue
            yield part
            if _MEDIA.search(part.function_response):
                yield from decode(_responses, bytes(part.function_response)).parts or ()
