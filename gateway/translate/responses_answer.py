"""Writing what OpenAI's Responses API answers: the parts that a whole answer and a stream share, and the whole one.

The shapes are those of `openai.types.responses` (openai-python 3.54).
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.core.usage import Usage
from gateway.dialects.validate import decode
from gateway.translate.edge import Told
from gateway.translate.responses_tools import LOCAL_SHELL, Tool, Toolbox, text_in

_ECHOED: dict[str, bytes] = {
    "instructions": b"null",
    "max_output_tokens": b"null",
    "max_tool_calls": b"null",
    "metadata": b"{}",
    "parallel_tool_calls": b"true",
    "prompt_cache_key": b"null",
    "reasoning": b"null",
    "safety_identifier": b"null",
    "temperature": b"null",
    "text": b'{"format":{"type":"text"}}',
    "tool_choice": b'"auto"',
    "tools": b"[]",
    "top_logprobs": b"null",
    "top_p": b"null",
    "truncation": b'"disabled"',
    "user": b"null",
}
"""Fields of a request that its answer repeats, and what stands there if the request does not say."""

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Envelope:
    """The `response` object around the output of one call."""

    def __init__(self, told: Told) -> None:
        self._base = told.request_id.removeprefix("req_")
        self._created = told.created
        self._echo = _echo(told.asked)

    def item_id(self, prefix: str, index: int) -> str:
        """Of the item with this place in the output, such as "msg_…"."""
        return f"{prefix}_{self._base}_{index}"

    def response(
        self,
        model: str,
        status: str,
        output: list[dict[str, Any]],
        usage: Usage | None = None,
        *,
        incomplete: str | None = None,
        tier: str | None = None,
    ) -> dict[str, Any]:
        """As it is at some point. `incomplete` says why it is; usage is null while it is not known."""
        return {
            "id": f"resp_{self._base}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": model,
            "output": output,
            "previous_response_id": None,
            "service_tier": tier,
            "store": False,
            "usage": None if usage is None else usage_block(usage),
            **self._echo,
        }

    def ended(
        self, model: str, output: list[dict[str, Any]], usage: Usage | None, incomplete: str | None, tier: str | None
    ) -> dict[str, Any]:
        """When all is said."""
        status = "completed" if incomplete is None else "incomplete"
        return self.response(model, status, output, usage, incomplete=incomplete, tier=tier)


def _echo(asked: Asked) -> dict[str, msgspec.Raw]:
    body = asked.body
    if b"\n" in body or b"\r" in body:  # Events are told apart by their lines.
        body = msgspec.json.format(body, indent=-1)
    given = decode(_objects, body)
    said = {name: value for name in _ECHOED if (value := given.get(name)) is not None and bytes(value) != b"null"}
    return {name: said.get(name, msgspec.Raw(default)) for name, default in _ECHOED.items()}


def usage_block(usage: Usage) -> dict[str, Any]:
    """The counters in the convention of this API: what was cached is inside the input, reasoning inside the output."""
    given: dict[str, Any] = {
        "cached_tokens": usage.cache_read + usage.cache_read_audio + usage.cache_read_image,
        "cache_write_tokens": usage.cache_write + usage.cache_write_1h + usage.cache_write_12h,
    }
    if usage.cache_write_12h:
        shorter = given["cache_write_tokens"] - usage.cache_write_12h
        given["cache_write_tokens_details"] = {"ttl_30m_tokens": shorter, "ttl_12h_tokens": usage.cache_write_12h}
    return {
        "input_tokens": usage.input_total,
        "input_tokens_details": given,
        "output_tokens": usage.output_total,
        "output_tokens_details": {"reasoning_tokens": usage.output_reasoning},
        "total_tokens": usage.tokens,
    }


def text_part(text: str, logprobs: list[Any] | None = None) -> dict[str, Any]:
    """Text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}


def refusal_part(text: str) -> dict[str, Any]:
    """What the model says instead of an answer."""
    return {"type": "refusal", "refusal": text}


def message_item(item_id: str, parts: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    """What the model says."""
    return {"type": "message", "id": item_id, "role": "assistant", "status": status, "content": parts}


def reasoning_item(item_id: str, text: str, sealed: str | None = None) -> dict[str, Any]:
    """What it thought, as far as it is told, and what it wants to have back."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"type": "reasoning", "id": item_id, "summary": summary, "encrypted_content": sealed}


PREFIXES = {"function": "fc", "custom": "ctc", LOCAL_SHELL: "lsh"}
"""Of ids of calls, by the kind of tool."""


def call_item(item_id: str, tool: Tool, call_id: str, arguments: str, status: str = "completed") -> dict[str, Any]:
    """A call of a tool, as the caller knows the tool. `arguments` are those of its function."""
    item: dict[str, Any] = {"id": item_id, "call_id": call_id, "status": status}
    if tool.kind == LOCAL_SHELL:
        return item | {"type": "local_shell_call", "action": _shell_action(arguments)}
    named = {"name": tool.own_name} if tool.namespace is None else {"name": tool.own_name, "namespace": tool.namespace}
    if tool.kind == "custom":
        return item | {"type": "custom_tool_call", **named, "input": text_in(arguments)}
    return item | {"type": "function_call", **named, "arguments": arguments}


class _Shell(msgspec.Struct, omit_defaults=True):
    command: list[str]
    env: dict[str, str] | None = None
    timeout_ms: int | None = None
    working_directory: str | None = None


_shells = msgspec.json.Decoder(_Shell)


def _shell_action(arguments: str) -> dict[str, Any]:
    """What to run. Who wrote what is no command runs none."""
    try:
        found = _shells.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        found = _Shell([])
    action: dict[str, Any] = {"type": "exec", "command": found.command, "env": found.env or {}}
    if found.timeout_ms is not None:
        action["timeout_ms"] = found.timeout_ms
    if found.working_directory is not None:
        action["working_directory"] = found.working_directory
    return action


class Output:
    """The items of a whole answer, one behind the other."""

    def __init__(self, envelope: Envelope, toolbox: Toolbox) -> None:
        self.items: list[dict[str, Any]] = []
        self._envelope = envelope
        self._toolbox = toolbox

    def thought(self, text: str, sealed: str | None) -> None:
        """See `reasoning_item`."""
        self.items.append(reasoning_item(self._id("rs"), text, sealed))

    def said(self, parts: list[dict[str, Any]], status: str = "completed") -> None:
        """See `message_item`. Who says nothing makes no item."""
        if parts:
            self.items.append(message_item(self._id("msg"), parts, status))

    def called(self, call_id: str, name: str, arguments: str, status: str = "completed") -> None:
        """See `call_item`. `name` is the provider's name for the tool."""
        tool = self._toolbox.find(name)
        self.items.append(call_item(self._id(PREFIXES[tool.kind]), tool, call_id, arguments or "{}", status))

    def _id(self, prefix: str) -> str:
        return self._envelope.item_id(prefix, len(self.items))
