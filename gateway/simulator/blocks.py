"""Answers made of blocks, one after the other: what was thought, what is said, each call of a tool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.simulator.said import EVENTS, Said


@dataclass(frozen=True, slots=True)
class Block:
    """One of them, made of tokens. The first token of a call is its name."""

    kind: str  # "thought", "text" or "call".
    steps: tuple[str, ...]
    name: str = ""  # Of the tool,
    number: int = 0  # and its place among the calls.

    @property
    def text(self) -> str:
        """All of it; of a call, its arguments."""
        return "".join(self.steps)


def blocks_of(said: Said) -> list[Block]:
    """The blocks of the only choice. Thinking that is not shown is a block without tokens."""
    choice, thought = said.answer.choices[0], said.answer.thought
    found = [Block("thought", thought if said.shows_thought else ())] if thought else []
    if choice.pieces:
        found.append(Block("text", choice.pieces))
    calls = (Block("call", ("", *c.pieces), c.name, number) for number, c in enumerate(choice.calls))
    return [*found, *calls]


class BlockShape(ABC):
    """See `Shape`. Each block is opened, grows and is closed."""

    content_type = EVENTS

    def __init__(self, said: Said) -> None:
        self.said = said
        self.blocks = blocks_of(said)
        self._unseen = b""  # Blocks without tokens, which go out with whatever is next.

    @abstractmethod
    def whole(self) -> dict[str, Any]:
        """See `Shape.whole`."""

    @abstractmethod
    def opening(self) -> bytes:
        """See `Shape.opening`."""

    @abstractmethod
    def failure(self) -> bytes:
        """See `Shape.failure`."""

    @abstractmethod
    def opened(self, index: int, block: Block) -> bytes:
        """A block begins."""

    @abstractmethod
    def grown(self, index: int, block: Block, step: str) -> bytes:
        """One token of it."""

    @abstractmethod
    def closed(self, index: int, block: Block) -> bytes:
        """It is complete."""

    @abstractmethod
    def ended(self) -> bytes:
        """All are."""

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """See `Shape.tokens`."""
        tick = self.said.silent
        for index, block in enumerate(self.blocks):
            before = self._unseen + self.opened(index, block)
            for place, step in enumerate(block.steps):
                if place > 0 or block.kind != "call":  # The opening has said the name.
                    before += self.grown(index, block, step)
                if place == len(block.steps) - 1:
                    before += self.closed(index, block)
                yield tick, before
                before = b""
                tick += 1
            self._unseen = b"" if block.steps else before + self.closed(index, block)

    def ending(self) -> bytes:
        """See `Shape.ending`."""
        return self._unseen + self.ended()
