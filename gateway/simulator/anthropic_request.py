"""A body of Anthropic's `POST /v1/messages`, read as strictly as Anthropic does where clients have stumbled.

Rules: https://platform.claude.com/docs/en/build-with-claude/extended-thinking and …/tool-use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.request import Countable
from gateway.simulator.asked import (
    NEVER,
    NO_THINKING,
    Asked,
    Caching,
    Form,
    Thinking,
    Tool,
    own_texts_of,
    texts_of,
    thinking,
)
from gateway.simulator.bodies import Positive, read
from gateway.simulator.errors import RefusedError
from gateway.simulator.seals import genuine

SEAL = "anthropic"
BUDGET_MIN = 1024

Block = dict[str, Any]


class Message(Struct, frozen=True):
    """One message."""

    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        """Its blocks; a text is one."""
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else self.content


class Prompt(Struct, frozen=True):
    """What can be counted: the body of /v1/messages/count_tokens."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | list[Block] | None = None
    tools: list[Block] | None = None
    tool_choice: Block | None = None
    thinking: Block | None = None

    @property
    def system_blocks(self) -> list[Block]:
        """The system prompt in blocks."""
        return [{"type": "text", "text": self.system}] if isinstance(self.system, str) else self.system or []

    @property
    def countable(self) -> Countable:
        """What becomes tokens."""
        blocks = [*self.system_blocks, *(block for message in self.messages for block in _all(message.blocks))]
        return Countable(
            texts=tuple(filter(None, (text for block in blocks for text in _texts(block)))),
            messages=len(self.messages) + (self.system is not None),
            tools=msgspec.json.encode(self.tools).decode() if self.tools else "",
            images=sum(block.get("type") == "image" for block in blocks),
            files=sum(block.get("type") == "document" for block in blocks),
        )


class Body(Prompt, frozen=True, kw_only=True):
    """The body of /v1/messages."""

    max_tokens: Positive
    stream: bool | None = None
    output_config: Block | None = None
    output_format: Block | None = None
    cache_control: Block | None = None


def asked(body: bytes, beside: Mapping[str, str]) -> Asked:
    """The request. Raises RefusedError (400)."""
    del beside
    return question(read(Body, body))


def question(body: Body) -> Asked:
    """The request that a body makes. Raises RefusedError (400)."""
    _check_tools(body.messages)
    _check_thoughts(body)
    choice = body.tool_choice or {}
    parts = list(_parts(body))
    last = body.messages[-1]
    results = [block for block in last.blocks if block.get("type") == "tool_result"]
    config = body.output_config or {}
    form = body.output_format or config.get("format") or {}
    return Asked(
        model=body.model,
        prompt=tuple(_unmarked(part) for part in parts),
        countable=body.countable,
        orders=next(filter(None, (_said(message) for message in reversed(body.messages))), ""),
        cue="".join(own_texts_of(last.blocks)[-1:]) if last.role == "user" else "",
        results=tuple(_result(block) for block in results),
        stream=bool(body.stream),
        cap=body.max_tokens,
        tools=tuple(Tool(str(tool.get("name")), tool["input_schema"]) for tool in _own_tools(body)),
        choice={"any": "required", "tool": "required", "none": "none"}.get(str(choice.get("type")), "auto"),
        forced=str(choice.get("name")) if choice.get("type") == "tool" else None,
        parallel=not choice.get("disable_parallel_tool_use"),
        form=Form(form.get("schema") or {}) if form.get("type") == "json_schema" else None,
        thinking=thinking_of(body.thinking or {}, config.get("effort")),
        caching=_caching(parts, body.cache_control),
    )


def thinking_of(given: Block, effort: str | None) -> Thinking:
    """How long Claude thinks, by its own `thinking` and effort."""
    shown = given.get("display") != "omitted"
    if given.get("type") == "enabled":
        return Thinking(100, given.get("budget_tokens"), shown)
    return thinking(effort or "high", shown=shown) if given.get("type") == "adaptive" else NO_THINKING


def _own_tools(body: Body) -> Iterator[Block]:
    """Those that the caller runs and describes itself."""
    return (tool for tool in body.tools or () if isinstance(tool.get("input_schema"), dict))


def _parts(body: Body) -> Iterator[Any]:
    """The prompt in order, each block by itself, with marks for the cache as they stand there."""
    yield from body.tools or ()
    yield from body.system_blocks
    for message in body.messages:
        for block in message.blocks:
            yield {"role": message.role} | block


def _unmarked(part: Block) -> Block:
    return {name: value for name, value in part.items() if name != "cache_control"}


def _caching(parts: list[Block], whole: Block | None) -> Caching:
    """Up to the last mark; a mark on the request itself counts as one at its end."""
    marked = [place for place, part in enumerate(parts, 1) if part.get("cache_control")]
    last = whole or (parts[marked[-1] - 1]["cache_control"] if marked else None)
    if last is None:
        return NEVER
    return Caching(len(parts) if whole else marked[-1], hour=last.get("ttl") == "1h")


def _said(message: Message) -> str:
    return "".join(own_texts_of(message.blocks)) if message.role == "user" else ""


def _result(block: Block) -> str:
    content = block.get("content") or ""
    return content if isinstance(content, str) else "".join(texts_of(content))


def _all(blocks: list[Block]) -> Iterator[Block]:
    """Blocks, and those in results of tools."""
    for block in blocks:
        yield block
        inside = block.get("content")
        yield from inside if isinstance(inside, list) else ()


def _texts(block: Block) -> Iterator[str]:
    for name in ("text", "thinking", "name", "content"):
        if isinstance(value := block.get(name), str):
            yield value
    if "input" in block:
        yield msgspec.json.encode(block["input"]).decode()


def _check_tools(messages: list[Message]) -> None:
    """Every call is answered in the next message, and nothing else is."""
    called: set[object] = set()
    for place, message in enumerate(messages):
        answered = {block.get("tool_use_id") for block in message.blocks if block.get("type") == "tool_result"}
        if answered - called:
            raise _wrong(f"messages.{place}.content: unexpected `tool_use_id` found in `tool_result` blocks")
        if called - answered:
            raise _wrong(f"messages.{place - 1}: `tool_use` ids were found without `tool_result` blocks after")
        called = {block.get("id") for block in message.blocks if block.get("type") == "tool_use"}


def _check_thoughts(body: Body) -> None:
    """Thoughts come back as they were, and leave room for an answer."""
    for place, message in enumerate(body.messages):
        for number, block in enumerate(message.blocks):
            sealed = {"thinking": "signature", "redacted_thinking": "data"}.get(str(block.get("type")))
            if sealed is not None and not genuine(block.get(sealed), SEAL):
                raise _wrong(f"messages.{place}.content.{number}: Invalid `{sealed}` in `{block['type']}` block")
    given = body.thinking or {}
    if given.get("type") != "enabled":
        return
    budget = given.get("budget_tokens")
    if not isinstance(budget, int) or budget < BUDGET_MIN:
        raise _wrong(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {BUDGET_MIN}")
    if budget >= body.max_tokens:
        raise _wrong("`max_tokens` must be greater than `thinking.budget_tokens`")
    if (body.tool_choice or {}).get("type") in {"any", "tool"}:
        raise _wrong("Thinking may not be enabled when tool_choice forces tool use.")
    _check_turn(body.messages)


def _check_turn(messages: list[Message]) -> None:
    """With a budget to think, the last turn begins with a thought. Results of tools do not end it."""
    begins, said = "", None  # By the user, behind what is looked at: messages in a row are one.
    for message in reversed(messages):
        kinds = [str(block.get("type")) for block in message.blocks]
        if message.role == "user":
            said = [*(said or ()), *kinds]
        elif said is not None and "tool_result" not in said:
            break
        else:
            begins, said = next(iter(kinds), ""), None
    if begins not in ("", "thinking", "redacted_thinking"):
        raise _wrong(f"Expected `thinking` or `redacted_thinking`, but found `{begins}`.")


def _wrong(what: str) -> RefusedError:
    return RefusedError(400, what)
