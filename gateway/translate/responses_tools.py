"""Tools of OpenAI's Responses API as plain functions, which every dialect has, and their calls turned back.

A custom tool takes any text: it becomes a function with one string. Tools in a namespace get its name in front. The
shell tool that runs at the caller becomes a function, too. Tools that run at the provider run only there.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.fields import Fields

NAME_CHARACTERS_MAX = 64
"""Of a function's name, at OpenAI and most others."""

LOCAL_SHELL = "local_shell"

_TEXT_SCHEMA = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}
_SHELL_SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}, "description": "The command and its arguments."},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "integer"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["command"],
}
_SHELL_TELLS = "Runs a command in a shell on the user's machine and returns its output."
_NO_ARGUMENTS = {"type": "object", "properties": {}}
_AT_THE_PROVIDER = "Such a tool runs at a provider of OpenAI's Responses API."

BY_PROGRAM = "Programs that call tools run at a provider of OpenAI's Responses API."


class Tool(NamedTuple):
    """A tool as a function."""

    name: str  # What the provider is told.
    description: str | None
    parameters: dict[str, Any]
    strict: bool
    kind: str  # The caller's type: "function", "custom" or "local_shell".
    own_name: str  # The caller's name for it.
    namespace: str | None = None


class Choice(NamedTuple):
    """Whether a tool must be called. `mode` is "auto", "none", "required" or "tool"."""

    mode: str
    name: str = ""  # For "tool": the provider's name for it.
    only: frozenset[str] | None = None  # No other tools may be called.


class Toolbox:
    """All tools of one request. Where two would go by the same name, BadRequest is raised."""

    def __init__(self) -> None:
        self.tools: list[Tool] = []
        self._by_name: dict[str, Tool] = {}
        self._searches: list[str] = []  # Where a search of the web is offered.

    def add(self, entries: list[Any], where: str, losses: Losses, namespace: str | None = None) -> None:
        """Read a list of tools."""
        for index, entry in enumerate(entries):
            fields = Fields(entry, f"{where}[{index}]", losses)
            kind = fields.text("type")
            if kind == "namespace" and namespace is None:
                inner = fields.needed("name")
                fields.note("description")
                self.add(fields.items("tools"), fields.at("tools"), losses, inner)
                fields.end()
            elif kind == "web_search":
                self._searches.append(fields.path)
            else:
                self._put(_tool(kind, fields, losses, namespace), fields.path)

    def end(self, losses: Losses) -> None:
        """All tools are read. A search of the web beside other tools is one of many ways to find out, and an agent
        that lists it unasked goes on without; alone, it is what the call is about."""
        for where in self._searches:
            if self.tools:
                losses.note(where)
            else:
                losses.drop(where, _AT_THE_PROVIDER)

    def _put(self, tool: Tool | None, where: str) -> None:
        if tool is None:
            return
        if tool.name in self._by_name:
            raise BadRequest(f"{where} has the name of another tool, {tool.own_name!r}", where)
        self.tools.append(tool)
        self._by_name[tool.name] = tool

    def find(self, name: str) -> Tool:
        """The tool of this provider's name. A model may make one up: then it is a function."""
        return self._by_name.get(name) or Tool(name, None, {}, strict=False, kind="function", own_name=name)

    def choice(self, given: Any, losses: Losses) -> Choice:
        """Read `tool_choice`."""
        if given is None or given in ("auto", "none", "required"):
            return Choice(given or "auto")
        fields = Fields(given, "tool_choice", losses)
        kind = fields.text("type")
        if kind in ("function", "custom", LOCAL_SHELL):
            name = LOCAL_SHELL if kind == LOCAL_SHELL else fields.needed("name")
            return Choice("tool", self._called(name, fields.text("namespace"), "tool_choice"))
        if kind == "allowed_tools":
            mode, entries = fields.needed("mode"), fields.each("tools")
            if mode not in ("auto", "required"):
                raise BadRequest("tool_choice.mode must be auto or required", "tool_choice.mode")
            names = [self._allowed(entry, losses) for entry in entries]
            return Choice(mode, only=frozenset(name for name in names if name))
        losses.drop("tool_choice", _AT_THE_PROVIDER)
        return Choice("auto")

    def _allowed(self, fields: Fields, losses: Losses) -> str:
        kind = fields.text("type")
        if kind not in ("function", "custom", LOCAL_SHELL):
            losses.drop(fields.path, _AT_THE_PROVIDER)
            return ""
        name = LOCAL_SHELL if kind == LOCAL_SHELL else fields.needed("name")
        return self._called(name, fields.text("namespace"), fields.path)

    def _called(self, own_name: str, namespace: str | None, where: str) -> str:
        for tool in self.tools:
            if tool.own_name == own_name and namespace in (None, tool.namespace):
                return tool.name
        raise BadRequest(f"{where} names a tool that is not in tools: {own_name!r}", where)


def wire_name(own_name: str, namespace: str | None) -> str:
    """What the provider is told. Unique for each namespace and name, and never too long."""
    name = own_name
    if namespace:
        name = f"{namespace}{own_name}" if namespace.endswith("__") else f"{namespace}__{own_name}"
    if len(name) <= NAME_CHARACTERS_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: NAME_CHARACTERS_MAX - 9]}_{digest}"


def text_in(arguments: str) -> str:
    """What a custom tool was called with, out of the arguments of its function: all of them, if the model did not
    keep to its one parameter."""
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    text = found.get("input") if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments


def arguments_with(text: str) -> str:
    """The reverse of it."""
    return msgspec.json.encode({"input": text}).decode()


def _tool(kind: str | None, fields: Fields, losses: Losses, namespace: str | None) -> Tool | None:
    if kind == "function":
        return _function(fields, namespace)
    if kind == "custom":
        return _custom(fields, namespace)
    if kind == LOCAL_SHELL:
        fields.end()
        return Tool(LOCAL_SHELL, _SHELL_TELLS, _SHELL_SCHEMA, strict=False, kind=LOCAL_SHELL, own_name=LOCAL_SHELL)
    losses.drop(fields.path, _AT_THE_PROVIDER)
    return None


def _function(fields: Fields, namespace: str | None) -> Tool:
    name = fields.needed("name")
    _callable(fields)
    tool = Tool(
        wire_name(name, namespace),
        fields.text("description"),
        fields.mapping("parameters") or _NO_ARGUMENTS,
        strict=fields.flag("strict") is True,
        kind="function",
        own_name=name,
        namespace=namespace,
    )
    fields.note("output_schema")
    fields.end()
    return tool


def _custom(fields: Fields, namespace: str | None) -> Tool:
    name = fields.needed("name")
    _callable(fields)
    told = [fields.text("description") or ""]
    form = fields.object("format")
    if form is not None and form.text("type") == "grammar":
        told.append(f"Its input must match this grammar ({form.needed('syntax')}):\n{form.needed('definition')}")
        fields.hint("format")  # The model is told, and nobody makes it keep to it.
    fields.end()
    description = "\n\n".join(filter(None, told)) or None
    return Tool(wire_name(name, namespace), description, _TEXT_SCHEMA, False, "custom", name, namespace)


def _callable(fields: Fields) -> None:
    """Who may call it, and when it is shown to the model. All are shown at once."""
    fields.drop("allowed_callers", BY_PROGRAM, unless=(["direct"],))
    if fields.flag("defer_loading"):
        fields.hint("defer_loading")
    fields.drop("async", "The answer waits for every call.", unless=(False,))
