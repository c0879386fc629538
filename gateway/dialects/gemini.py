"""Google's `models/{model}:generateContent` and `:streamGenerateContent`, at the Gemini API and at Vertex AI.

The model and what to do are in the path, so that bodies pass untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote_plus

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, Picture, excerpt
from gateway.core.usage import Report
from gateway.dialects import gemini_errors
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs
from gateway.dialects.framing import JSON_ARRAY, SSE, Framing
from gateway.dialects.gemini_report import read_report
from gateway.dialects.gemini_request import (
    Blob,
    Body,
    Generation,
    Part,
    camel,
    contents,
    parts,
    plain_mime,
    read_body,
    read_generation,
    turns,
)
from gateway.dialects.generated import ends, generated
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.openai_usage import UNREADABLE
from gateway.dialects.recordings import Heard, heard
from gateway.dialects.unread import ALL, SETTINGS, Known, Members, unread, word
from gateway.dialects.validate import model_name

CANDIDATES_MAX = 8  # Google's own limit.
STREAMS = "streamGenerateContent"

_SECRET = frozenset({"key", "access_token", "oauth_token"})
_CUTTING = frozenset({"fields", "callback"})
"""They would take the usage out of an answer, or wrap it up."""

SIGNS = Signs(
    usage=re.compile(rb'"usageMetadata"\s*:\s*\{'),
    text=generated(rb"text|code", rb"args"),
    finish=ends(rb"args|response", rb'finishReason"\s*:\s*"(?!FINISH_REASON_UNSPECIFIED)'),
    done=re.compile(rb"(?!)"),  # There is no end mark.
    done_hint=b"\0",
    reasoning=re.compile(rb"(?!)"),  # What is shown of thoughts is a summary.
    reasoning_hint=b"\0",
    arrays=True,
)


_RAW_PARTS = ("function_call", "function_response", "executable_code", "code_execution_result", "thought_signature")


def _read_of(blob: Members) -> Known:
    """What is counted of a picture, a recording or a document: of all but pictures, its bytes are."""
    return ALL if _is_image(plain_mime(word(blob, "mimeType"))) else {"mimeType": ALL}


SAID = {
    "role": ALL,
    "parts": {
        **dict.fromkeys(("text", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"), ALL),
        **dict.fromkeys(("thoughtSignature", "fileData"), ALL),
        "inlineData": _read_of,
    },
}
"""What is counted of a turn."""

_READ = {**SETTINGS, "contents": SAID, "systemInstruction": SAID, "tools": ALL, "toolConfig": ALL}

_NAMED_TOOLS = frozenset({"functionDeclarations", "function_declarations"}) | {
    *("googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval")
}
"""Tools that the caller runs, and a search: what that finds is in no recorded prompt, and of its queries there were 319
tokens at most, which is within what any tools are held for."""

_PICTURES_AT = re.compile(
    r"gs://|https?://(?:img\.youtube\.com/vi/[\w-]+/\w+\.jpg\Z"
    r"|(?!(?:[\w-]*\.)*youtu(?:be\w*)?(?:-nocookie)?\.)[\w.-]+(?::\d+)?/)",
    re.IGNORECASE | re.ASCII,
)
"""Where one lies that is what it is called. At YouTube there are films, and pictures of them."""

_tools = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class Gemini:
    """The lens for generated content."""

    name = "gemini"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        body = read_body(asked.body)
        generation = read_generation(body)
        travelling(asked.query)
        said = turns(body)
        if not said:
            raise BadRequest("contents must not be empty", "contents")
        everything = tuple(parts(contents(body)))
        mimes = [part.inline_data.kind for part in everything if part.inline_data]
        sound = _sound(everything)
        referred = [part.file_data for part in everything if part.file_data]
        kinds = [*mimes, *[blob.kind for blob in referred]]
        return Facts(
            model=model_name(asked.model),
            stream=asked.verb == STREAMS,
            output_tokens_max=_output_cap(generation),
            choices=_choices(generation.candidate_count),
            needs=_needs(body, generation, kinds),
            reasons=generation.thinking_config is not None and generation.thinking_config.thinking_budget != 0,
            hides_output=_hides_output(generation),
            images=sum(map(_is_image, kinds)),
            files=sum(map(_is_file, mimes)),
            turns=len(said),
            prompt=excerpt(" ".join(part.text for part in parts(said[-1:]) if part.text)),
            service_tier=_tier(body.service_tier, asked.tier),
            input_tokens_max=sound.tokens_max(asked.body),
            unseen=sound.elsewhere or _sees_more(body, referred) or any(map(_is_film, mimes)),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. All chunks of a stream report usage anyway."""
        del facts
        return Aimed(aimed_path(asked, model), asked.body)

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        body = read_body(asked.body)
        everything = tuple(parts(contents(body)))
        mimes = [blob.kind for p in everything for blob in (p.inline_data, p.file_data) if blob]
        raws = (raw for p in everything for raw in (getattr(p, name) for name in _RAW_PARTS))
        structured = _wants_json(read_generation(body))
        texts = [p.text for p in everything if p.text]
        return Countable(
            texts=(*texts, *filter(None, map(_text, raws))),
            messages=len(contents(body)),
            tools=_text(body.tools) + _text(body.tool_config),
            schema=_text(body.generation_config) if structured else "",
            images=sum(map(_is_image, mimes)),
            pictures=tuple(_pictures(everything)),
            files=sum(map(_is_file, mimes)),
            unread=unread(camel(asked.body), {**_READ, "generationConfig": ALL if structured else SETTINGS})
            + _sound(everything).more,
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        del quirks
        return read_report(message, before)

    error = staticmethod(gemini_errors.error_body)
    stream_error = staticmethod(gemini_errors.stream_error)


def aimed_path(asked: Asked, model: str) -> str:
    """The path below a provider's base URL. Raises BadRequest as `travelling` does."""
    query = travelling(asked.query)
    return f"/models/{quote(model, safe='')}:{asked.verb}{query and '?'}{query}"


def travelling(query: str) -> str:
    """What of the query goes up: not the caller's key. Raises BadRequest for what would hide the usage from us."""
    kept = []
    for part in filter(None, query.split("&")):
        written, _, value = part.partition("=")
        name = _name(written)
        if name in _CUTTING or (name == "alt" and unquote_plus(value) not in {"sse", "json"}):
            raise BadRequest(f"{name} is not taken here but for alt=sse and alt=json", name)
        if name not in _SECRET:
            kept.append(part)
    return "&".join(kept)


def framing_wanted(asked: Asked) -> Framing:
    """How this caller wants a stream: a JSON array, unless it asks for events by `alt=sse`."""
    if asked.verb != STREAMS:
        return SSE
    named = (part.partition("=") for part in asked.query.split("&"))
    events = any((_name(written), unquote_plus(value)) == ("alt", "sse") for written, _, value in named)
    return SSE if events else JSON_ARRAY


def _name(written: str) -> str:
    """A name in the query."""
    return unquote_plus(written).removeprefix("$").strip()


def _pictures(everything: Iterable[Part]) -> Iterator[Picture]:
    """Those in the body itself, whose base64 has nothing to unescape. Others count as the largest."""
    for blob in (part.inline_data for part in everything):
        if blob and _is_image(blob.kind):
            yield Picture(bytes(blob.data)[1:-1].decode(errors="replace"))


def _sound(everything: Iterable[Part]) -> Heard:
    """The recordings in the body itself."""
    blobs = (part.inline_data for part in everything)
    return heard(blob.data for blob in blobs if blob and blob.kind.startswith("audio/"))


def _is_image(mime: str) -> bool:
    return mime.startswith("image/")


def _sees_more(body: Body, referred: list[Blob]) -> bool:
    """Whether part of the prompt is not in the request."""
    return bool(body.cached_content) or lies_elsewhere(referred) or _fetches(body.tools)


def lies_elsewhere(referred: Iterable[Blob]) -> bool:
    """Whether one of these is no picture, so that nobody can say how long it is."""
    return not all(_is_image(blob.kind) and _PICTURES_AT.match(blob.file_uri or "") for blob in referred)


def _fetches(tools: msgspec.Raw) -> bool:
    """Whether a tool runs at Google, which charges as input what it puts into the prompt."""
    if not _text(tools):
        return False
    try:
        return not _NAMED_TOOLS.issuperset(name for tool in _tools.decode(tools) for name in tool)
    except UNREADABLE:
        return True


def _is_film(mime: str) -> bool:
    """Whether an hour of it, a million tokens, can be a few kilobytes."""
    return mime.startswith("video/")


def _is_file(mime: str) -> bool:
    """Whether neither its bytes nor its length bound its tokens: a page of a PDF can be short."""
    return not mime.startswith(("image/", "audio/", "text/"))


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted."""
    return "" if bytes(raw) in (b"", b"null", b"[]") else bytes(raw).decode(errors="replace")


def _output_cap(generation: Generation) -> int | None:
    """The cap, thoughts included. Nought is what protobuf writes for none."""
    cap = generation.max_output_tokens
    if cap is not None and cap < 0:
        raise BadRequest("maxOutputTokens must not be negative", "generationConfig.maxOutputTokens")
    return min(cap, OUTPUT_TOKENS_CREDIBLE_MAX) if cap else None


def _choices(count: int | None) -> int:
    if not count:
        return 1
    if not 1 <= count <= CANDIDATES_MAX:
        message = f"candidateCount must be between 1 and {CANDIDATES_MAX}"
        raise BadRequest(message, "generationConfig.candidateCount")
    return count


def _hides_output(generation: Generation) -> bool:
    """Whether more than text is asked for: sound or pictures."""
    asked = generation.response_modalities or ()
    modalities = [asked] if isinstance(asked, str) else asked
    return bool(_text(generation.speech_config)) or any(word.upper() != "TEXT" for word in modalities)


def _tier(*named: str | None) -> str | None:
    """The dearest that is named: whether the body or the header counts is Google's to say."""
    tiers = [(name or "").lower().removeprefix("service_tier_") for name in named]
    return max([tier for tier in tiers if tier not in ("", "unspecified")], key=_is_dear, default=None)


def _is_dear(tier: str) -> int:
    return {"flex": 0, "standard": 1}.get(tier, 2)


def _needs(body: Body, generation: Generation, mimes: Iterable[str]) -> frozenset[str]:
    needs = {_need(mime) for mime in mimes}
    if _text(body.tools):
        needs.add("tools")
    if _wants_json(generation):
        needs.add("json")
    return frozenset(needs)


def _wants_json(generation: Generation) -> bool:
    return (generation.response_mime_type or "text/plain") != "text/plain"


def _need(mime: str) -> str:
    return {"image": "vision", "audio": "audio"}.get(mime.partition("/")[0], "files")
