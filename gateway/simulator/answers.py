"""What the simulator says: choices made of pieces that are one token each."""

from __future__ import annotations

import asyncio
import codecs
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.simulator.asked import Asked, Thinking, Tool
from gateway.simulator.errors import RefusedError
from gateway.simulator.faults import Orders
from gateway.simulator.schemas import example
from gateway.simulator.words import WORDS
from gateway.tokens import bpe
from gateway.tokens.families import O200K

_FIELD_WORDS = 4
_QUOTED_CHARACTERS_MAX = 2_000
_TOOL = re.compile(r"\btools?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that is called. Its name counts as one token; the pieces are its arguments."""

    name: str
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """All arguments, as JSON."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, in text or in calls of tools. `finish` is in OpenAI's words."""

    pieces: tuple[str, ...]
    finish: str
    calls: tuple[Call, ...] = ()

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        """Visible tokens."""
        return len(self.pieces) + sum(1 + len(call.pieces) for call in self.calls)


@dataclass(frozen=True, slots=True)
class Answer:
    """All choices; before the first token of each comes what the model thought."""

    choices: tuple[Choice, ...]
    thought: tuple[str, ...] = ()

    @property
    def hidden(self) -> int:
        """Tokens of thinking of one choice."""
        return len(self.thought)

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


async def compose(asked: Asked, orders: Orders, *, mean_tokens: int, reasons: bool, chance: random.Random) -> Answer:
    """The answer to a request. Raises RefusedError (400) for a tool that is not on the list."""
    length = orders.tokens or max(1, round(mean_tokens * chance.uniform(0.5, 1.5)))
    hidden = _hidden(asked.thinking, length, asked.cap) if reasons else 0
    room = None if asked.cap is None else asked.cap - hidden
    tool = _tool(asked, orders)
    choices = []
    for _ in range(asked.n):
        words = chance.choices(WORDS, k=length)
        if tool is not None:
            # The tokenizer may still have to be loaded.
            choice = await asyncio.to_thread(_calling, asked, orders, tool, words, room)
        elif asked.form is not None or asked.results:
            text = _structured(asked, words) if asked.form is not None else _quoted(asked.results)
            choice = _fitted((await asyncio.to_thread(_pieces, text))[: orders.tokens], room)
        else:
            choice = _fitted(_joined(words), room)
        choices.append(Choice(choice.pieces, "content_filter", choice.calls) if orders.filtered else choice)
    return Answer(tuple(choices), _joined(chance.choices(WORDS, k=hidden)))


def _hidden(thinking: Thinking, length: int, cap: int | None) -> int:
    thought = -(-length * thinking.percent // 100)
    return min(most for most in (thought, thinking.most, cap) if most is not None)


def _fitted(pieces: tuple[str, ...], room: int | None) -> Choice:
    """As much as the cap allows."""
    if room is None or room >= len(pieces):
        return Choice(pieces, "stop")
    return Choice(pieces[:room], "length")


def _calling(asked: Asked, orders: Orders, tool: Tool, words: list[str], room: int | None) -> Choice:
    """Calls of a tool, as far as the cap allows. A name costs one token even where the cap leaves none."""
    calls: list[Call] = []
    for number in range(orders.calls if asked.parallel else 1):
        if room is not None and room <= 0 < number:
            return Choice((), "length", tuple(calls))
        short = " ".join(words[number * _FIELD_WORDS :][:_FIELD_WORDS] or words[:_FIELD_WORDS])
        value = orders.args if orders.args is not None else example(tool.schema or {}, short) or {}
        pieces = _pieces(json.dumps(value))
        if room is not None:
            room -= 1 + len(pieces)
            pieces = pieces[: max(0, room + len(pieces))]
        calls.append(Call(tool.name, pieces))
    return Choice((), "tool_calls" if room is None or room >= 0 else "length", tuple(calls))


def _tool(asked: Asked, orders: Orders) -> Tool | None:
    """The function to call: forced, or asked for by an order, or with the word "tool" in the last message."""
    tools = {tool.name: tool for tool in asked.tools}
    if asked.forced is not None:
        if asked.forced not in tools:
            raise RefusedError(400, f"Tool choice {asked.forced!r} is not among the tools.", param="tool_choice")
        return tools[asked.forced]
    if asked.choice == "none" or not tools:
        return None
    if orders.tool is not None and not asked.results:
        return tools.get(orders.tool)
    if asked.choice == "required" or (not asked.results and _TOOL.search(asked.cue)):
        return next(iter(tools.values()))
    return None


def _structured(asked: Asked, words: list[str]) -> str:
    """The JSON that was asked for."""
    schema = asked.form.schema if asked.form is not None else None
    return json.dumps(
        {"answer": " ".join(words)} if schema is None else example(schema, " ".join(words[:_FIELD_WORDS]))
    )


def _quoted(results: Sequence[str]) -> str:
    return f"It says: {', '.join(results)}"[:_QUOTED_CHARACTERS_MAX]


def _joined(words: Sequence[str]) -> tuple[str, ...]:
    return (words[0], *(f" {word}" for word in words[1:])) if words else ()


def _pieces(text: str) -> tuple[str, ...]:
    """A text cut into its tokens; those that end amid a character go with the next."""
    vocabulary = bpe.encoding(O200K)
    reader = codecs.getincrementaldecoder("utf-8")("replace")
    cut = (reader.decode(vocabulary.decode_single_token_bytes(token)) for token in bpe.ids(text, vocabulary))
    return tuple(filter(None, cut))
