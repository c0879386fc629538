"""The input of OpenAI's Responses API as a list of what was said, thought, called and returned.

What lies at a provider (references to items, its own tools' calls) is not in the request, and so cannot be carried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.fields import Fields
from gateway.translate.responses_tools import BY_PROGRAM, LOCAL_SHELL, Toolbox, arguments_with, wire_name

ELSEWHERE = "It lies at a provider that keeps responses; send items whole, with store: false."
_FILED = "A file that was uploaded to a provider is only there; send its data."


class Text(NamedTuple):
    """A part that is text."""

    text: str


class Image(NamedTuple):
    """A picture."""

    url: str  # "data:…" or "https:…".
    detail: str | None
    where: str


class File(NamedTuple):
    """A document: its data as "data:…", or where to get them."""

    data: str | None
    url: str | None
    name: str | None
    where: str


class Audio(NamedTuple):
    """A recording."""

    data: str  # Base64.
    format: str
    where: str


Part = Text | Image | File | Audio


class Said(NamedTuple):
    """A message. `role` is "system" (a developer's, too), "user" or "assistant"."""

    role: str
    parts: list[Part]
    where: str


class Thought(NamedTuple):
    """Reasoning of an earlier answer. `sealed` is what the client keeps of it without looking into it."""

    sealed: str | None
    where: str


class Called(NamedTuple):
    """A tool was called. `arguments` is JSON."""

    call_id: str
    name: str  # The provider's name for the tool.
    arguments: str
    where: str


class Returned(NamedTuple):
    """What a tool gave back."""

    call_id: str
    parts: list[Part]
    where: str


Item = Said | Thought | Called | Returned

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_SHELL = ("command", "working_directory", "timeout_ms", "env", "user")
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


class Reader:
    """Reads the items of one request. Tools that they add go into the toolbox."""

    def __init__(self, toolbox: Toolbox, losses: Losses) -> None:
        self._toolbox = toolbox
        self._losses = losses
        self._shell_calls: dict[str, str] = {}  # Call ids by ids of items, which some results name instead.
        self._readers: dict[str, Callable[[Fields], Item | None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._function_call,
            "function_call_output": self._returned,
            "custom_tool_call": self._custom_call,
            "custom_tool_call_output": self._returned,
            "local_shell_call": self._shell_call,
            "local_shell_call_output": self._shell_returned,
            "web_search_call": self._searched,
            "additional_tools": self._more_tools,
        }

    def read(self, given: Any) -> list[Item]:
        """All items of `input`. Raises BadRequest."""
        if isinstance(given, str):
            return [Said("user", [Text(given)], "input")]
        if not isinstance(given, list) or not given:
            raise BadRequest("input must be a text or a list with something in it", "input")
        found = [self._item(Fields(item, f"input[{index}]", self._losses)) for index, item in enumerate(given)]
        return [item for item in found if item is not None]

    def _item(self, fields: Fields) -> Item | None:
        kind = fields.text("type") or ("message" if "role" in fields else "item_reference")
        read = self._readers.get(kind)
        if read is None:
            why = ELSEWHERE if kind == "item_reference" else f"{kind} belongs to a provider's tools or its memory."
            self._losses.drop(fields.path, why)
            return None
        item = read(fields)
        _pass_over(fields, "id", "status")
        fields.end()
        return item

    def _message(self, fields: Fields) -> Item:
        role = _ROLES.get(fields.needed("role"))
        if role is None:
            raise BadRequest(f"{fields.at('role')} is not known", fields.at("role"))
        fields.note("phase")
        return Said(role, self._parts(fields, "content"), fields.path)

    def _reasoning(self, fields: Fields) -> Item:
        _pass_over(fields, "summary", "content")  # Told to the user. What the model gets back is sealed.
        return Thought(fields.text("encrypted_content"), fields.path)

    def _function_call(self, fields: Fields) -> Item:
        return Called(fields.needed("call_id"), self._name(fields), fields.needed("arguments"), fields.path)

    def _custom_call(self, fields: Fields) -> Item:
        call_id, name = fields.needed("call_id"), self._name(fields)
        return Called(call_id, name, arguments_with(fields.needed("input")), fields.path)

    def _name(self, fields: Fields) -> str:
        self._by_program(fields)
        return wire_name(fields.needed("name"), fields.text("namespace"))

    def _by_program(self, fields: Fields) -> None:
        fields.drop("caller", BY_PROGRAM, unless=({"type": "direct"},))
        fields.any("async")

    def _returned(self, fields: Fields) -> Item:
        self._by_program(fields)
        _pass_over(fields, "name", "namespace")
        return Returned(fields.needed("call_id"), self._parts(fields, "output"), fields.path)

    def _shell_call(self, fields: Fields) -> Item:
        call_id, action = fields.needed("call_id"), fields.object("action")
        self._shell_calls[fields.text("id") or call_id] = call_id
        given = {}
        if action is not None:
            action.any("type")
            given = {name: action.any(name) for name in _SHELL if name in action}
        return Called(call_id, LOCAL_SHELL, msgspec.json.encode(given).decode(), fields.path)

    def _shell_returned(self, fields: Fields) -> Item:
        named = fields.text("call_id") or fields.text("id") or ""
        return Returned(self._shell_calls.get(named, named), [Text(fields.needed("output"))], fields.path)

    def _searched(self, fields: Fields) -> None:
        """A search that another provider made. What it found is not in the request, only what was searched for."""
        fields.any("action")
        self._losses.note(fields.path)

    def _more_tools(self, fields: Fields) -> None:
        fields.any("role")
        self._toolbox.add(fields.items("tools"), fields.at("tools"), self._losses)

    def _parts(self, fields: Fields, name: str) -> list[Part]:
        found, where = fields.any(name), fields.at(name)
        if isinstance(found, str):
            return [Text(found)]
        if not isinstance(found, list):
            raise BadRequest(f"{where} must be a text or a list", where)
        parts = [self._part(part) for part in fields.opened_each(found, name)]
        return [part for part in parts if part is not None]

    def _part(self, fields: Fields) -> Part | None:
        kind = fields.text("type") or ""
        if kind in _TEXTS:
            fields.note("annotations", "logprobs", "prompt_cache_breakpoint")
            part: Part | None = Text(fields.needed(_TEXTS[kind]))
        elif kind == "input_image":
            part = self._image(fields)
        elif kind == "input_file":
            part = self._file(fields)
        elif kind == "input_audio":
            part = self._audio(fields)
        else:
            fields.skip()
            self._losses.drop(fields.path, f"Parts of the type {kind!r} are not known here.")
            return None
        return part

    def _audio(self, fields: Fields) -> Part:
        inner = fields.object("input_audio")
        if inner is None:
            raise BadRequest(f"{fields.at('input_audio')} is required", fields.at("input_audio"))
        return Audio(inner.needed("data"), inner.needed("format"), fields.path)

    def _image(self, fields: Fields) -> Part | None:
        fields.note("prompt_cache_breakpoint")
        fields.drop("file_id", _FILED)
        detail, url = fields.text("detail"), fields.text("image_url")
        return None if url is None else Image(url, detail, fields.path)

    def _file(self, fields: Fields) -> Part | None:
        fields.note("prompt_cache_breakpoint", "detail")
        fields.drop("file_id", _FILED)
        data, url, name = fields.text("file_data"), fields.text("file_url"), fields.text("filename")
        return None if data is None and url is None else File(data, url, name, fields.path)


def _pass_over(fields: Fields, *names: str) -> None:
    """Members that say nothing to a model, such as ids and states of items."""
    for name in names:
        fields.any(name)
