"""What a request of OpenAI's Responses API says beside its input, read once for every dialect that it may go to."""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.core.request import Asked
from gateway.translate.edge import Losses
from gateway.translate.fields import Fields
from gateway.translate.responses_items import ELSEWHERE, Item, Reader, Said, Text
from gateway.translate.responses_tools import Choice, Toolbox

LOGPROBS = "message.output_text.logprobs"
_HINTS = (
    "metadata",
    "client_metadata",
    "prompt_cache_retention",
    "prompt_cache_options",
    "max_tool_calls",  # Of the provider's own tools, which none of these calls has.
    "stream_options",
    "context_management",
    "image",
)
"""Fields whose absence changes no answer, or only one that would be an error without them."""

_OF_THE_PROVIDER = {
    "previous_response_id": ELSEWHERE,
    "conversation": ELSEWHERE,
    "prompt": "The prompt lies at a provider; send its text.",
    "background": "The answer comes while the call is open.",
    "background_options": "The answer comes while the call is open.",
    "moderation": "The provider of this model does not moderate in this way.",
    "access_programs": "These are programs of OpenAI's.",
}


class Format(NamedTuple):
    """What the text of the answer must be. `kind` is "text", "json_object" or "json_schema"."""

    kind: str
    schema: dict[str, Any]
    name: str = ""
    description: str | None = None
    strict: bool | None = None


class Settings(NamedTuple):
    """A request, apart from where it goes."""

    items: list[Item]
    toolbox: Toolbox
    choice: Choice
    parallel: bool | None
    stream: bool
    cap: int | None  # Output tokens, reasoning included.
    temperature: float | None
    top_p: float | None
    logprobs: bool
    top_logprobs: int | None
    effort: str | None
    summary: str | None
    format: Format
    verbosity: str | None
    tier: str | None
    user: str | None
    cache_key: str | None


def read_settings(asked: Asked, losses: Losses) -> Settings:
    """The request. What no other dialect has a word for is noted or dropped here. Raises BadRequest."""
    fields = Fields.of_body(asked.body, losses)
    fields.any("model")
    toolbox = Toolbox()
    toolbox.add(fields.items("tools"), "tools", losses)
    items = _items(fields, toolbox, losses)
    reasoning, text = _inside(fields, "reasoning", losses), _inside(fields, "text", losses)
    _not_carried(fields, reasoning, losses)
    top_logprobs = fields.whole("top_logprobs")
    logprobs = _included(fields, losses) or bool(top_logprobs)
    settings = Settings(
        items=items,
        toolbox=toolbox,
        choice=toolbox.choice(fields.any("tool_choice"), losses),
        parallel=fields.flag("parallel_tool_calls"),
        stream=bool(fields.flag("stream")),
        cap=fields.whole("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        logprobs=logprobs,
        top_logprobs=top_logprobs,
        effort=reasoning.text("effort"),
        summary=reasoning.text("summary") or reasoning.text("generate_summary"),
        format=_format(text, losses),
        verbosity=text.text("verbosity"),
        tier=fields.text("service_tier"),
        user=fields.text("safety_identifier") or fields.text("user"),
        cache_key=fields.text("prompt_cache_key"),
    )
    reasoning.any("generate_summary")
    fields.any("user")
    for part in (reasoning, text, fields):
        part.end()
    return settings


def toolbox_of(asked: Asked) -> Toolbox:
    """The tools of a request that has been carried, for turning their calls back."""
    toolbox, losses = Toolbox(), Losses(allowed=True)
    fields = Fields.of_body(asked.body, losses)
    toolbox.add(fields.items("tools"), "tools", losses)
    if b'"additional_tools"' in asked.body:
        Reader(toolbox, losses).read(fields.any("input"))
    return toolbox


def _items(fields: Fields, toolbox: Toolbox, losses: Losses) -> list[Item]:
    told, given = fields.text("instructions"), fields.any("input")
    items = Reader(toolbox, losses).read(given)
    toolbox.end(losses)
    return [Said("system", [Text(told)], "instructions"), *items] if told else items


def _not_carried(fields: Fields, reasoning: Fields, losses: Losses) -> None:
    for name, why in _OF_THE_PROVIDER.items():
        fields.drop(name, why, unless=(False, {}))
    if fields.any("store") is not False:  # Stored is what is not told otherwise, and nothing will be.
        losses.note("store")
    if fields.any("truncation") == "auto":
        losses.note("truncation")
    fields.note(*_HINTS)
    reasoning.drop("mode", "The provider of this model reasons in one way only.", unless=("standard",))
    reasoning.note("context")


def _included(fields: Fields, losses: Losses) -> bool:
    """Whether log probabilities are asked for. Sealed reasoning is given without being asked for; for the rest there is
    nothing that it could be about."""
    wanted = fields.items("include")
    for index, name in enumerate(wanted):
        if name not in (LOGPROBS, "reasoning.encrypted_content"):
            losses.note(f"include[{index}]")
    return LOGPROBS in wanted


def _inside(fields: Fields, name: str, losses: Losses) -> Fields:
    """An object in it, which may be left out as well as empty."""
    return Fields(fields.mapping(name), fields.at(name), losses)


def _format(text: Fields, losses: Losses) -> Format:
    fields = _inside(text, "format", losses)
    kind = fields.text("type") or "text"
    if kind not in ("text", "json_object", "json_schema"):
        losses.drop(fields.path, f"The format {kind!r} is not known here.")
        return Format("text", {})
    schema = fields.mapping("schema") if kind == "json_schema" else {}
    found = Format(kind, schema, fields.text("name") or "", fields.text("description"), fields.flag("strict"))
    fields.end()
    return found
