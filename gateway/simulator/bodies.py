"""Request bodies, as far as the simulator reads them. Unknown fields are ignored, as OpenAI does with most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.core.request import Countable
from gateway.simulator.errors import RefusedError

Positive = Annotated[int, Meta(ge=1)]
Body = TypeVar("Body", bound=Struct)


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """Its text, of all parts."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text") or "") for part in self.content or ())

    def parts(self, kind: str) -> list[dict[str, Any]]:
        """Its parts of one type, such as `image_url`."""
        return [] if isinstance(self.content, str) else [p for p in self.content or () if p.get("type") == kind]


class StreamOptions(Struct, frozen=True):
    """What a stream should carry."""

    include_usage: bool = False


class Chat(Struct, frozen=True):
    """The body of /v1/chat/completions."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    seed: int | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream should end with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def cap(self) -> int | None:
        """The most tokens of one choice, thinking included."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def last_said(self) -> str:
        """The text of the last user message."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def rendered(self) -> str:
        """The prompt as one text: what the prompt cache compares."""
        tools = msgspec.json.encode(self.tools).decode() if self.tools else ""
        return tools + "".join(msgspec.json.encode(message).decode("utf-8") for message in self.messages)

    @property
    def countable(self) -> Countable:
        """What becomes tokens."""
        return Countable(
            texts=tuple(text for message in self.messages for text in _texts(message) if text),
            messages=len(self.messages),
            names=sum(message.name is not None for message in self.messages),
            tools=msgspec.json.encode(self.tools).decode() if self.tools else "",
            images=sum(len(message.parts("image_url")) for message in self.messages),
            files=sum(len(message.parts("file")) for message in self.messages),
        )


class Embeddings(Struct, frozen=True):
    """The body of /v1/embeddings."""

    model: str
    input: str | list[Any]
    encoding_format: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=4096)] | None = None


def read(kind: type[Body], raw: bytes) -> Body:
    """The body as `kind`. Raises RefusedError (400) that names the field at fault."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        _, _, path = str(error).rpartition("`$")
        raise RefusedError(400, str(error), param=path.strip("`.") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(400, f"The body is not JSON: {error}") from None


def _texts(message: Message) -> Iterator[str]:
    yield message.text
    yield message.name or ""
    for call in message.tool_calls or ():
        function = call.get("function") or {}
        yield str(function.get("name") or "")
        yield str(function.get("arguments") or "")
