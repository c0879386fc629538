"""What the simulator says: choices made of pieces that are one token each."""

from __future__ import annotations

import asyncio
import json
import random
import re
from dataclasses import dataclass
from typing import Any

from gateway.simulator.bodies import Chat
from gateway.simulator.errors import RefusedError
from gateway.simulator.faults import Orders
from gateway.simulator.schemas import example
from gateway.simulator.words import WORDS
from gateway.tokens import bpe
from gateway.tokens.families import O200K

_EFFORT_PERCENT = {"none": 0, "minimal": 10, "low": 50, "medium": 100, "high": 200, "xhigh": 400}
_FIELD_WORDS = 4
_TOOL = re.compile(r"\btools?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. With `tool`, the pieces are the arguments of a call, and its name counts as one token."""

    pieces: tuple[str, ...]
    finish: str
    tool: str | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        """Visible tokens."""
        return len(self.pieces) + (self.tool is not None)


@dataclass(frozen=True, slots=True)
class Answer:
    """All choices; `hidden` tokens of thinking come before the first visible token of each."""

    choices: tuple[Choice, ...]
    hidden: int = 0

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of thinking, of all choices."""
        return self.hidden * len(self.choices)

    @property
    def tokens(self) -> int:
        """Everything that is billed as output."""
        return self.reasoning_tokens + sum(choice.tokens for choice in self.choices)

    @property
    def ticks(self) -> int:
        """How many tokens the longest choice takes; choices are made side by side."""
        return self.hidden + max(choice.tokens for choice in self.choices)


async def compose(chat: Chat, orders: Orders, *, mean_tokens: int, reasons: bool, chance: random.Random) -> Answer:
    """The answer to a request. Raises RefusedError (400) for a tool that is not on the list."""
    length = orders.tokens or max(1, round(mean_tokens * chance.uniform(0.5, 1.5)))
    hidden = _hidden(chat, length) if reasons else 0
    tool = _tool(chat)
    structured = tool or (chat.response_format or {}).get("type") in {"json_object", "json_schema"}
    choices = []
    for _ in range(chat.n or 1):
        words = chance.choices(WORDS, k=length)
        if structured:
            # The tokenizer may still have to be loaded.
            pieces = await asyncio.to_thread(_structured, chat, tool, words)
        else:
            pieces = (words[0], *(f" {word}" for word in words[1:]))
        choices.append(_fitted(pieces, tool, None if chat.cap is None else chat.cap - hidden))
    return Answer(tuple(choices), hidden)


def _hidden(chat: Chat, length: int) -> int:
    percent = _EFFORT_PERCENT.get(chat.reasoning_effort or "none", 100)
    thought = -(-length * percent // 100)
    return thought if chat.cap is None else min(thought, chat.cap)


def _fitted(pieces: tuple[str, ...], tool: dict[str, Any] | None, cap: int | None) -> Choice:
    """As much as the cap allows. A name costs one token even where the cap leaves none."""
    name = None if tool is None else str(tool["name"])
    room = len(pieces) if cap is None else max(0, cap - (name is not None))
    if room < len(pieces):
        return Choice(pieces[:room], "length", name)
    return Choice(pieces, "stop" if name is None else "tool_calls", name)


def _tool(chat: Chat) -> dict[str, Any] | None:
    """The function to call: forced, or asked for with the word "tool" in the last message."""
    functions = _functions(chat)
    choice = chat.tool_choice
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        if name not in functions:
            raise RefusedError(400, f"Tool choice {name!r} is not among the tools.", param="tool_choice")
        return functions[name]
    last = chat.messages[-1]
    asked = choice == "required" or (last.role != "tool" and _TOOL.search(last.text))
    return next(iter(functions.values()), None) if asked and choice != "none" else None


def _functions(chat: Chat) -> dict[str, dict[str, Any]]:
    try:
        return {str(tool["function"]["name"]): tool["function"] for tool in chat.tools or ()}
    except (KeyError, TypeError):
        raise RefusedError(400, "Every tool needs a function with a name.", param="tools") from None


def _structured(chat: Chat, tool: dict[str, Any] | None, words: list[str]) -> tuple[str, ...]:
    """The JSON that was asked for, cut into its tokens."""
    short = " ".join(words[:_FIELD_WORDS])
    form = chat.response_format or {}
    if tool is not None:
        value = example(tool.get("parameters") or {}, short) or {}
    elif form.get("type") == "json_schema":
        value = example((form.get("json_schema") or {}).get("schema"), short)
    else:
        value = {"answer": " ".join(words)}
    vocabulary = bpe.encoding(O200K)
    tokens = bpe.ids(json.dumps(value), vocabulary)
    return tuple(vocabulary.decode_single_token_bytes(token).decode("ascii") for token in tokens)
