"""Calls of tools in a chat's stream, which may come side by side, as blocks that come one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.translate.anthropic_messages_to_openai_chat.answer import call_id
from gateway.translate.anthropic_messages_to_openai_chat.names import shortened
from gateway.translate.chat_said import Counted, arguments_of, text_of
from gateway.translate.edge import Told
from gateway.translate.messages_stream import MessagesStream


class _Call:
    """One call, as far as it has come."""

    def __init__(self, given_id: str, name: str) -> None:
        self.id = given_id
        self.name = name
        self.said: list[str] = []  # Of its arguments.

    @property
    def whole(self) -> bool:
        """Whether its arguments are all there."""
        try:
            msgspec.json.decode("".join(self.said))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class Calls:
    """One call is written as it comes. Others that begin before it is whole wait for it, and so does what is said
    beside it; most providers send one after the other, so that nothing does."""

    def __init__(self, write: MessagesStream, told: Told) -> None:
        self._write = write
        self._told = told
        self._names: dict[str, str] | None = None
        self._calls: list[_Call] = []
        self._counted = Counted()
        self._writing: _Call | None = None
        self._waiting: list[_Call] = []
        self._held: list[tuple[Callable[[str], bytes], str]] = []  # Of what is said beside it.

    @property
    def any(self) -> bool:
        """Whether there was any call."""
        return bool(self._calls)

    def feed(self, given: dict[str, Any]) -> bytes:
        """A call, or a part of its arguments. One without an index, as at Gemini's compatible endpoint, is whole."""
        function = given.get("function")
        function = function if isinstance(function, dict) else {}
        begun = b""
        place = self._counted.place(given.get("index"), text_of(given.get("id")), function.get("name"))
        if place == len(self._calls):
            self._calls.append(self._named(given.get("id"), function.get("name"), place))
            self._waiting.append(self._calls[place])
            begun = self._next()
        call = self._calls[place]
        arguments = arguments_of(function)
        call.said.append(arguments)
        if call is not self._writing or not arguments:
            return begun
        begun += self._write.input_json(arguments)
        ends = arguments.rstrip().endswith("}")  # To read all arguments again at each piece would take ever longer.
        return begun + self._said_beside() if self._held and ends and call.whole else begun

    def beside(self, write: Callable[[str], bytes], text: str) -> bytes:
        """Some text or thoughts, as `write` writes them. They end the call that is being written."""
        waits = self._held or (self._writing is not None and not self._writing.whole)
        self._held.append((write, text))
        return b"" if waits else self._said_beside()

    def finish(self) -> bytes:
        """Nothing more comes: what waits, and each call as a whole."""
        made = [self._said_beside(), *(self._begin(call) for call in self._waiting)]
        self._waiting = []
        return b"".join(made)

    def _next(self) -> bytes:
        """Begin the call that waits longest, unless one is being written that is not whole."""
        if self._writing is not None and not self._writing.whole:
            return b""
        return self._said_beside() + self._begin(self._waiting.pop(0))

    def _said_beside(self) -> bytes:
        if not self._held:
            return b""
        self._writing = None
        held, self._held = self._held, []
        return b"".join(write(text) for write, text in held)

    def _begin(self, call: _Call) -> bytes:
        self._writing = call
        begun = self._write.tool_use(call.id, call.name)
        said = "".join(call.said)
        return begun + self._write.input_json(said) if said else begun

    def _named(self, given_id: Any, name: Any, place: int) -> _Call:
        if self._names is None:
            self._names = shortened(self._told.asked)
        told = name if isinstance(name, str) else ""
        known = given_id if isinstance(given_id, str) and given_id else call_id(self._told, place)
        return _Call(known, self._names.get(told, told))
