"""OpenAI's `POST /v1/chat/completions`: the request read, a whole completion, the chunks of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.request import Countable
from gateway.simulator.answers import Answer, Choice
from gateway.simulator.asked import Asked, Form, Tool, texts_of, thinking
from gateway.simulator.bill import Prompt
from gateway.simulator.bodies import Positive, read
from gateway.simulator.errors import IN_STREAM, RefusedError, openai_error
from gateway.simulator.said import EVENTS, Said, event

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_sim"
COUNTERS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Its text, of all parts."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text") or "") for part in self.content or ())

    def parts(self, kind: str) -> list[dict[str, Any]]:
        """Its parts of one type, such as `image_url`."""
        return [] if isinstance(self.content, str) else [p for p in self.content or () if p.get("type") == kind]

    @property
    def counted(self) -> Iterator[str]:
        """What of it becomes tokens."""
        yield self.text
        yield self.name or ""
        for call in self.tool_calls or ():
            function = call.get("function") or {}
            yield str(function.get("name") or "")
            yield str(function.get("arguments") or "")


class StreamOptions(Struct, frozen=True):
    """What a stream should carry."""

    include_usage: bool = False


class Chat(Struct, frozen=True):
    """The body."""

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
    parallel_tool_calls: bool | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream should end with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def cap(self) -> int | None:
        """The most tokens of one choice, thinking included."""
        return self.max_completion_tokens or self.max_tokens


def asked(body: bytes, beside: Mapping[str, str]) -> Asked:
    """The request. Raises RefusedError (400)."""
    del beside
    chat = read(Chat, body)
    _check(chat.messages)
    last = chat.messages[-1]
    since = next((place for place, m in enumerate(reversed(chat.messages)) if m.role != "tool"), len(chat.messages))
    forced, choice = _choice(chat.tool_choice)
    form = chat.response_format or {}
    return Asked(
        model=chat.model,
        prompt=(*(chat.tools or ()), *chat.messages),
        countable=_countable(chat),
        orders=next((message.text for message in reversed(chat.messages) if message.role == "user"), ""),
        cue=_cue(last) if last.role == "user" else "",
        results=tuple(message.text for message in chat.messages[len(chat.messages) - since :]),
        stream=bool(chat.stream),
        wants_usage=chat.wants_usage,
        n=chat.n or 1,
        cap=chat.cap,
        tools=_tools(chat),
        choice=choice,
        forced=forced,
        parallel=chat.parallel_tool_calls is not False,
        form={"json_object": Form(), "json_schema": Form((form.get("json_schema") or {}).get("schema") or {})}.get(
            str(form.get("type"))
        ),
        thinking=thinking(chat.reasoning_effort),
        seed=chat.seed,
    )


def _check(messages: list[Message]) -> None:
    """Every call of a tool is answered by the messages right after it, and nothing else is."""
    open_calls: set[object] = set()
    for place, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_calls:
                said = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                raise RefusedError(400, said, param=f"messages.[{place}].role")
            open_calls.discard(message.tool_call_id)
            continue
        if open_calls:
            said = "An assistant message with 'tool_calls' must be followed by tool messages for each of them."
            raise RefusedError(400, said, param=f"messages.[{place}].role")
        open_calls = {call.get("id") for call in message.tool_calls or ()}


def _cue(message: Message) -> str:
    return message.content if isinstance(message.content, str) else "".join(texts_of(message.content or ())[-1:])


def _choice(given: str | dict[str, Any] | None) -> tuple[str | None, str]:
    if isinstance(given, dict):
        return str((given.get("function") or {}).get("name")), "required"
    return None, given or "auto"


def _tools(chat: Chat) -> tuple[Tool, ...]:
    try:
        return tuple(
            Tool(str(tool["function"]["name"]), tool["function"].get("parameters")) for tool in chat.tools or ()
        )
    except (KeyError, TypeError, AttributeError):
        raise RefusedError(400, "Every tool needs a function with a name.", param="tools") from None


def _countable(chat: Chat) -> Countable:
    return Countable(
        texts=tuple(text for message in chat.messages for text in message.counted if text),
        messages=len(chat.messages),
        names=sum(message.name is not None for message in chat.messages),
        tools=msgspec.json.encode(chat.tools).decode() if chat.tools else "",
        images=sum(len(message.parts("image_url")) for message in chat.messages),
        files=sum(len(message.parts("file")) for message in chat.messages),
    )


class Shape:
    """See `said.Shape`. Everything of a chunk but the delta is rendered once, since there are many deltas."""

    content_type = EVENTS

    def __init__(self, said: Said) -> None:
        self._said = said
        self._usage = said.usage(_usage(said.prompt, said.answer), COUNTERS)
        self._head = json.dumps(_head(said, "chat.completion.chunk"))[:-1]
        self._tail = ', "usage": null}\n\n' if said.asked.wants_usage else "}\n\n"

    def whole(self) -> dict[str, Any]:
        """The completion."""
        said = self._said
        choices = [
            {"index": index, "message": _message(choice, said, index), "logprobs": None, "finish_reason": choice.finish}
            for index, choice in enumerate(said.answer.choices)
        ]
        body = _head(said, "chat.completion") | {"choices": choices}
        return body if self._usage is None else body | {"usage": self._usage}

    def opening(self) -> bytes:
        """The first chunk of every choice: who speaks."""
        return b"".join(
            self._chunk(index, {"role": "assistant", "content": None if choice.calls else "", "refusal": None})
            for index, choice in enumerate(self._said.answer.choices)
        )

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Each visible token as one chunk; choices take turns."""
        answer = self._said.answer
        deltas = (_deltas(choice, self._said, index) for index, choice in enumerate(answer.choices))
        for tick, together in enumerate(zip_longest(*deltas), answer.hidden):
            for index, delta in enumerate(together):
                if delta is not None:
                    yield tick, self._chunk(index, delta)

    def ending(self) -> bytes:
        """Why each choice ends, the usage if it was asked for, and the end mark."""
        events = [self._chunk(index, {}, choice.finish) for index, choice in enumerate(self._said.answer.choices)]
        if self._said.asked.wants_usage and self._usage is not None:
            events.append(f'data: {self._head}, "choices": [], "usage": {json.dumps(self._usage)}}}\n\n'.encode())
        return b"".join((*events, DONE))

    def failure(self) -> bytes:
        """An error, and no end mark."""
        return event(openai_error(IN_STREAM, 500))

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = (
            f'"index": {index}, "delta": {json.dumps(delta)}, "logprobs": null, "finish_reason": {json.dumps(finish)}'
        )
        return f'data: {self._head}, "choices": [{{{choice}}}]{self._tail}'.encode()


def _head(said: Said, kind: str) -> dict[str, Any]:
    """The fields that a completion and its chunks share."""
    return {
        "id": said.id,
        "object": kind,
        "created": said.created,
        "model": said.asked.model,
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _message(choice: Choice, said: Said, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.calls:
        calls = [
            _call(said, index, number) | {"function": {"name": call.name, "arguments": call.text}}
            for number, call in enumerate(choice.calls)
        ]
        message |= {"content": None, "tool_calls": calls}
    return message


def _deltas(choice: Choice, said: Said, index: int) -> Iterator[dict[str, Any]]:
    """What each token adds."""
    for piece in choice.pieces:
        yield {"content": piece}
    for number, call in enumerate(choice.calls):
        named = {"function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [{"index": number} | _call(said, index, number) | named]}
        for piece in call.pieces:
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}


def _call(said: Said, index: int, number: int) -> dict[str, Any]:
    return {"id": f"call_{said.id.removeprefix('chatcmpl-')}{index}{number or ''}", "type": "function"}


def _usage(prompt: Prompt, answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt.tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": prompt.tokens + answer.tokens,
        "prompt_tokens_details": {"cached_tokens": prompt.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
