"""A body of Gemini's `generateContent`, `streamGenerateContent` and `countTokens`.

Source: the types of google-genai 3.4, and https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.core.request import Countable
from gateway.simulator.asked import NO_THINKING, Asked, Form, Thinking, Tool, own_texts_of, texts_of, thinking
from gateway.simulator.bodies import read
from gateway.simulator.errors import RefusedError
from gateway.simulator.seals import genuine

SEAL = "google"
CANDIDATES_MAX = 8
STREAMS = "streamGenerateContent"

_WITHOUT_SEAL = ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator")
"""What Google takes for a signature where the call was not the model's own."""
_SEALLESS = {*_WITHOUT_SEAL, *(base64.b64encode(text.encode()).decode() for text in _WITHOUT_SEAL)}

_OF_CALLERS = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}
"""What holds names that are not Google's."""

Part = dict[str, Any]
S = TypeVar("S", bound=Struct)


class Content(Struct, frozen=True):
    """One turn."""

    parts: list[Part] = []
    role: str = "user"


class Prompt(Struct, frozen=True, rename="camel"):
    """What can be counted."""

    contents: Annotated[list[Content], Meta(min_length=1)]
    system_instruction: Content | None = None
    tools: list[Part] | None = None
    tool_config: Part | None = None

    @property
    def countable(self) -> Countable:
        """What becomes tokens."""
        turns = [*([self.system_instruction] if self.system_instruction else []), *self.contents]
        parts = [part for turn in turns for part in turn.parts]
        mimes = [str((part.get(name) or {}).get("mimeType")) for part in parts for name in ("inlineData", "fileData")]
        images = sum(mime.startswith("image/") for mime in mimes)
        return Countable(
            texts=tuple(filter(None, (text for part in parts for text in _counted(part)))),
            messages=len(turns),
            tools=msgspec.json.encode(self.tools).decode() if self.tools else "",
            images=images,
            files=sum(mime != "None" for mime in mimes) - images,
        )

    @property
    def functions(self) -> tuple[Tool, ...]:
        """Those that the caller runs and describes itself."""
        declared = [f for tool in self.tools or () for f in tool.get("functionDeclarations") or ()]
        return tuple(Tool(str(f.get("name")), f.get("parametersJsonSchema") or f.get("parameters")) for f in declared)


class Generation(Struct, frozen=True, rename="camel"):
    """How to answer."""

    max_output_tokens: Annotated[int, Meta(ge=0)] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=CANDIDATES_MAX)] | None = None
    response_mime_type: str | None = None
    response_schema: Any = None
    response_json_schema: Any = None
    thinking_config: Part | None = None
    seed: int | None = None


class Body(Prompt, frozen=True, kw_only=True, rename="camel"):
    """What is answered."""

    generation_config: Generation = Generation()


class Counted(Struct, frozen=True, rename="camel"):
    """The body of `countTokens`: contents, or a whole request."""

    contents: list[Content] = []
    generate_content_request: Prompt | None = None

    @property
    def prompt(self) -> Prompt:
        """What is to be counted."""
        return self.generate_content_request or Prompt(self.contents)


def read_either(kind: type[S], body: bytes) -> S:
    """A body whose names are in camel case or in snake case: Google takes both, and its own client mixes them."""
    return read(kind, msgspec.json.encode(_camel(read(dict[str, Any], body))))


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = ((re.sub(r"_([a-z])", lambda found: found[1].upper(), name), inside) for name, inside in value.items())
    return {name: inside if name in _OF_CALLERS else _camel(inside) for name, inside in named}


def asked(body: bytes, beside: Mapping[str, str]) -> Asked:
    """The request; the path says of what model, and whether it is a stream. Raises RefusedError (400)."""
    given = read_either(Body, body)
    _check(given.contents)
    if signs(beside["model"]):
        _check_signed(given.contents)
    how, last = given.generation_config, given.contents[-1]
    calling = (given.tool_config or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames") or []
    must = calling.get("mode") == "ANY"
    users = (turn for turn in reversed(given.contents) if turn.role == "user" and own_texts_of(turn.parts))
    return Asked(
        model=beside["model"],
        prompt=(*(given.tools or ()), given.system_instruction, *given.contents),
        countable=given.countable,
        orders=next(("".join(own_texts_of(turn.parts)) for turn in users), ""),
        cue="".join(own_texts_of(last.parts)[-1:]) if last.role == "user" else "",
        results=tuple(_result(part["functionResponse"]) for part in last.parts if "functionResponse" in part),
        stream=beside["verb"] == STREAMS,
        array=beside.get("alt") != "sse",
        n=how.candidate_count or 1,
        cap=how.max_output_tokens or None,
        tools=given.functions,
        choice="required" if must else "none" if calling.get("mode") == "NONE" else "auto",
        forced=str(allowed[0]) if must and allowed else None,
        form=_form(how),
        thinking=_thinking(how.thinking_config or {}),
        seed=how.seed,
    )


def _form(how: Generation) -> Form | None:
    if (how.response_mime_type or "text/plain") == "text/plain":
        return None
    return Form(how.response_json_schema or how.response_schema)


def _thinking(given: Part) -> Thinking:
    """By level or by budget, of which 0 is none and -1 whatever the model likes."""
    shown, budget, level = bool(given.get("includeThoughts")), given.get("thinkingBudget"), given.get("thinkingLevel")
    if level is not None:
        return thinking(str(level).lower(), shown=shown)
    if not given or budget == 0:
        return NO_THINKING
    return Thinking(100, budget if isinstance(budget, int) and budget > 0 else None, shown)


def _result(response: Part) -> str:
    """A text where there is but one, else the JSON."""
    said = response.get("response") or {}
    values = list(said.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else msgspec.json.encode(said).decode()


def _counted(part: Part) -> Iterator[str]:
    if isinstance(text := part.get("text"), str):
        yield text
    for name, inside in (("functionCall", "args"), ("functionResponse", "response")):
        if isinstance(found := part.get(name), dict):
            yield str(found.get("name"))
            yield msgspec.json.encode(found.get(inside)).decode()


def _check(contents: list[Content]) -> None:
    """Every call is answered in the next turn, and thoughts come back as they were."""
    called = 0
    for turn in contents:
        answered = sum("functionResponse" in part for part in turn.parts)
        if answered != called:
            raise RefusedError(
                400,
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn.",
            )
        called = sum("functionCall" in part for part in turn.parts)
        for part in turn.parts:
            signature = part.get("thoughtSignature")
            if signature is not None and signature not in _SEALLESS and not genuine(_plain(signature), SEAL):
                raise RefusedError(400, "Thought signature is not valid.")


def signs(model: str) -> bool:
    """Whether it signs the first call of a turn, thoughts or not, and wants that back."""
    return model.startswith("gemini-3")


def _check_signed(contents: list[Content]) -> None:
    """The first call of each turn since the user last spoke has its signature."""
    said = [place for place, turn in enumerate(contents) if turn.role == "user" and texts_of(turn.parts)]
    for turn in contents[said[-1] if said else 0 :]:
        first = next((part for part in turn.parts if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            raise RefusedError(400, "Function call is missing a thought_signature in functionCall parts.")


def _plain(signature: object) -> str:
    """Bytes in JSON may come in either alphabet of base64."""
    return str(signature).translate(str.maketrans("-_", "+/"))
