"""What chat completions may ask: every field of the API that is carried, noted or refused.

The shapes are those of `openai.types.chat` (openai-python 3.54); `cache_control` and `top_k` are what OpenRouter and
others take beside them, `reasoning_details` and
`thinking_blocks` are what answers hold that must come back as they were.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.dialects.validate import convert, decode
from gateway.translate.edge import Losses


class Cache(msgspec.Struct):
    """The end of a prefix that is worth keeping."""

    type: str | None = None
    mode: str | None = None
    ttl: str | None = None


class Url(msgspec.Struct):
    """Of a picture."""

    url: str
    detail: str | None = None


class Sound(msgspec.Struct):
    """A recording, in base64."""

    data: str
    format: str


class Document(msgspec.Struct):
    """A file: in the request, or kept by OpenAI."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(msgspec.Struct):
    """Of a message."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: Url | str | None = None
    input_audio: Sound | None = None
    file: Document | None = None
    cache_control: Cache | None = None
    prompt_cache_breakpoint: Cache | None = None


class Called(msgspec.Struct):
    """A function, and what it was called with: JSON."""

    name: str
    arguments: str = ""


class Call(msgspec.Struct):
    """What the model asked for earlier."""

    id: str
    type: str = "function"
    function: Called | None = None
    custom: Any = None
    index: int | None = None  # Left over from a stream.
    extra_content: Any = None


class Detail(msgspec.Struct):
    """Reasoning that an earlier answer held."""

    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    summary: str | None = None
    format: str | None = None
    id: str | None = None
    index: int | None = None


class Thinking(msgspec.Struct):
    """The same, as LiteLLM keeps it (https://docs.litellm.ai/docs/reasoning_content)."""

    type: str = ""
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: Any = None


class Message(msgspec.Struct):
    """One turn. What an earlier answer said beside its text is no question: it is noted where it is not carried."""

    role: str = ""
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_details: list[Detail] | None = None
    thinking_blocks: list[Thinking] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    annotations: Any = None
    provider_specific_fields: Any = None  # LiteLLM repeats it.
    extra_content: Any = None  # Gemini's signature.
    audio: Any = None
    function_call: Any = None
    cache_control: Cache | None = None


class Function(msgspec.Struct):
    """What the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct):
    """A function, or what only OpenAI's models know."""

    type: str = "function"
    function: Function | None = None
    custom: Any = None
    cache_control: Cache | None = None


class Body(msgspec.Struct):
    """The request. Fields of type `Any` are only looked at to see whether they ask for something."""

    model: str
    messages: list[Message]
    stream: Any = None
    stream_options: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: Any = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    n: Any = None
    seed: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    modalities: Any = None
    audio: Any = None
    moderation: Any = None
    verbosity: Any = None
    web_search_options: Any = None
    functions: Any = None
    function_call: Any = None
    reasoning: Any = None
    prediction: Any = None
    user: Any = None
    metadata: Any = None
    store: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None


_ABSENT: tuple[Any, ...] = (None, "", [], {})
_anything = msgspec.json.Decoder()


def read(asked: Asked, losses: Losses) -> Body:
    """The request. Raises BadRequest for what has another type, and for what is not known, unless that may be lost."""
    given = decode(_anything, asked.body)
    body = convert(given, Body)
    _account(given, body, "", losses)
    return body


def _account(given: Any, read: Any, path: str, losses: Losses) -> None:
    """Every member that was given and not read is dropped by its name."""
    if isinstance(read, list):
        for at, (inner, one) in enumerate(zip(given, read, strict=True)):
            _account(inner, one, f"{path}[{at}]", losses)
    elif isinstance(read, msgspec.Struct):
        for name, value in given.items():
            here = f"{path}.{name}".removeprefix(".")
            if name in read.__struct_fields__:
                _account(value, getattr(read, name), here, losses)
            elif value not in _ABSENT:
                losses.drop(here, "No field of that name is known here.")
