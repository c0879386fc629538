"""A request of OpenAI's Responses API as a chat completion."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Quirk
from gateway.translate import chat_effort
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_responses_to_openai_chat.said import DIALECT, REASONING
from gateway.translate.responses_items import Audio, Called, File, Image, Item, Part, Returned, Said, Text, Thought
from gateway.translate.responses_settings import Settings, read_settings
from gateway.translate.responses_tools import Tool
from gateway.translate.sealed import unseal

_SIGNING = "gemini"
_ORDINARY = frozenset({None, "auto", "default"})
_DETAILS = frozenset({"auto", "low", "high"})


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    said = read_settings(asked, losses)
    body: dict[str, Any] = {"model": target.model, "messages": _Conversation(target.model, losses).read(said.items)}
    if said.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if said.cap is not None:
        newer = Quirk.CAPS_COMPLETION_TOKENS in target.quirks
        body["max_completion_tokens" if newer else "max_tokens"] = min(said.cap, target.output_tokens_max)
    body |= _tools(said) | _sampling(said) | _effort(said, target, losses) | _wishes(said, target, losses)
    return replace(asked, body=msgspec.json.encode(body))


def _tools(said: Settings) -> dict[str, Any]:
    choice = said.choice
    tools = [_tool(t) for t in said.toolbox.tools if choice.only is None or t.name in choice.only]
    if not tools:
        return {}
    body: dict[str, Any] = {"tools": tools}
    if choice.mode == "tool":
        body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode
    if said.parallel is False:  # Anything else is what holds anyway.
        body["parallel_tool_calls"] = False
    return body


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _sampling(said: Settings) -> dict[str, Any]:
    given = {
        "temperature": said.temperature,
        "top_p": said.top_p,
        "logprobs": said.logprobs or None,
        "top_logprobs": said.top_logprobs or None,
        "user": said.user,
        "service_tier": None if said.tier in _ORDINARY else said.tier,
    }
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    form = said.format
    if form.kind == "json_schema":
        schema = {"name": form.name, "schema": form.schema, "description": form.description, "strict": form.strict}
        named = {name: value for name, value in schema.items() if value is not None}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif form.kind != "text":
        body["response_format"] = {"type": form.kind}
    return body


def _effort(said: Settings, target: Target, losses: Losses) -> dict[str, Any]:
    """How much to think, told to models that are known to take it; a hint for all others."""
    told = chat_effort.told(said.effort, target, tools=bool(said.toolbox.tools))
    if told != said.effort and (said.effort, told) != ("none", None):
        losses.note("reasoning.effort")
    return {} if told is None else {"reasoning_effort": told}


def _wishes(said: Settings, target: Target, losses: Losses) -> dict[str, Any]:
    """What only OpenAI's own models know of chats, and others may refuse."""
    if said.summary is not None:
        losses.note("reasoning.summary")  # A provider shows what it shows.
    given = {"text.verbosity": said.verbosity, "prompt_cache_key": said.cache_key}
    wishes = {name: value for name, value in given.items() if value is not None}
    if Quirk.CAPS_COMPLETION_TOKENS in target.quirks:
        if said.tier == "default":  # A project's own may be another.
            wishes["service_tier"] = said.tier
        return {name.removeprefix("text."): value for name, value in wishes.items()}
    for name in wishes:
        losses.note(name)
    return {}


class _Turn:
    """A message, and for one of the assistant the results of the tools that it called."""

    def __init__(self, message: dict[str, Any]) -> None:
        self.message = message
        self.results: list[dict[str, Any]] = []
        self.pictures: list[dict[str, Any]] = []  # Of the results, whose messages can only hold text.

    def messages(self) -> list[dict[str, Any]]:
        """In the order in which a provider wants them."""
        shown = [{"role": "user", "content": self.pictures}] if self.pictures else []
        return [self.message, *self.results, *shown]


class _Conversation:
    """Puts items together to messages: what the assistant thought, said and called in one go is one message."""

    def __init__(self, model: str, losses: Losses) -> None:
        self._losses = losses
        self._recalls = chat_effort.recalls(model)  # The model takes its thoughts back.
        self._signs = _SIGNING in model.lower()  # It signs its calls.
        self._turns: list[_Turn] = []
        self._answering: _Turn | None = None  # The assistant's message that may go on.
        self._callers: dict[str, _Turn] = {}
        self._extra: dict[str, Any] = {}  # What belongs to calls, by their ids.

    def read(self, items: list[Item]) -> list[dict[str, Any]]:
        """The messages. Raises BadRequest."""
        for item in items:
            match item:
                case Said():
                    self._say(item)
                case Thought():
                    self._think(item)
                case Called():
                    self._call(item)
                case _:
                    self._return(item)
        return [message for turn in self._turns for message in turn.messages()]

    def _say(self, item: Said) -> None:
        if item.role == "assistant":
            message = self._answer()
            text = _text(item, self._losses)
            message["content"] = f"{message['content']}\n\n{text}" if message["content"] else text
            return
        self._answering = None
        if item.role == "system":
            text, last = _text(item, self._losses), self._turns[-1].message if self._turns else {}
            if last.get("role") == "system":  # Some templates know one such message only.
                last["content"] += "\n\n" + text
            else:
                self._turns.append(_Turn({"role": "system", "content": text}))
            return
        self._turns.append(_Turn({"role": "user", "content": _content(item.parts, self._losses) or ""}))

    def _think(self, item: Thought) -> None:
        """Reasoning that led to calls of tools belongs back to the provider in all later requests, or it refuses them;
        what led to none is not looked at (https://api-docs.deepseek.com/guides/thinking_mode). So a prompt only grows.
        """
        block = unseal(item.sealed, DIALECT)
        if block is None:
            self._losses.note(item.where)
        else:
            self._recall(block)

    def _recall(self, block: dict[str, Any]) -> None:
        """Only what the model knows: others refuse fields that they do not know."""
        extra = block.get("extra_content")
        if self._signs and isinstance(extra, dict):
            self._extra |= {call_id: value for call_id, value in extra.items() if isinstance(value, dict)}
        thoughts = {name: block[name] for name in REASONING if isinstance(block.get(name), str)}
        if self._recalls and thoughts:
            self._answer().update(thoughts)

    def _call(self, item: Called) -> None:
        function = {"name": item.name, "arguments": item.arguments}
        call = {"id": item.call_id, "type": "function", "function": function}
        if item.call_id in self._extra:
            call["extra_content"] = self._extra[item.call_id]
        self._answer().setdefault("tool_calls", []).append(call)
        assert self._answering is not None
        self._callers[item.call_id] = self._answering

    def _return(self, item: Returned) -> None:
        turn = self._callers.get(item.call_id)
        if turn is None:
            raise BadRequest(f"{item.where}.call_id names no call in input", f"{item.where}.call_id")
        texts = [part.text for part in item.parts if isinstance(part, Text)]
        others: list[Part] = [part for part in item.parts if not isinstance(part, Text)]
        if others:
            told = f"What the tool returned for the call {item.call_id}:"
            turn.pictures += [{"type": "text", "text": told}, *_parts(others, self._losses)]
            texts.append("(Shown in the next message.)")
        turn.results.append({"role": "tool", "tool_call_id": item.call_id, "content": "\n\n".join(texts)})
        self._answering = None

    def _answer(self) -> dict[str, Any]:
        """The assistant's message that what comes now belongs to."""
        if self._answering is None:
            self._answering = _Turn({"role": "assistant", "content": None})
            self._turns.append(self._answering)
        return self._answering.message


def _text(item: Said, losses: Losses) -> str:
    texts = []
    for part in item.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        else:
            losses.drop(part.where, f"A message of the {item.role} can only be text.")
    return "\n\n".join(texts)


def _content(parts: list[Part], losses: Losses) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return _parts(parts, losses)


def _parts(parts: list[Part], losses: Losses) -> list[dict[str, Any]]:
    found = [_part(part, losses) for part in parts]
    return [part for part in found if part is not None]


def _part(part: Part, losses: Losses) -> dict[str, Any] | None:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image_url", "image_url": _image(part, losses)}
        case Audio():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case _:
            return _file(part, losses)


def _image(part: Image, losses: Losses) -> dict[str, Any]:
    if part.detail is None or part.detail in _DETAILS:
        return {"url": part.url} if part.detail is None else {"url": part.url, "detail": part.detail}
    losses.note(f"{part.where}.detail")
    return {"url": part.url, "detail": "high"}


def _file(part: File, losses: Losses) -> dict[str, Any] | None:
    if part.data is None:
        losses.drop(f"{part.where}.file_url", "A chat takes the data of a file, not its address.")
        return None
    file = {"file_data": part.data, "filename": part.name}
    return {"type": "file", "file": {name: value for name, value in file.items() if value is not None}}
