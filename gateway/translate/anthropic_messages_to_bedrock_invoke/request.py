"""The request: the same members, but for those that Bedrock does not know.

What is not known here is carried: it is for a model of Anthropic's, and Bedrock refuses by name what it does not take.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.dialects.anthropic_usage import NOWHERE_SPECIAL
from gateway.dialects.bedrock_invoke import STREAM
from gateway.dialects.validate import decode
from gateway.translate.anthropic_messages_to_bedrock_invoke.content import without_links
from gateway.translate.edge import Losses, Target
from gateway.translate.returning import own_messages, within_budget

VERSION = b'"bedrock-2023-05-31"'

BETAS = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dev-full-thinking-2025-05-14",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19",
        "structured-outputs-2025-12-15",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    }
)
"""Those that InvokeModel takes: AWS's page, https://github.com/BerriAI/litellm/pull/19877 and
https://github.com/router-for-me/CLIProxyAPI/issues/4750 . It answers any other with `invalid beta flag`. A beta only
allows for fields that Bedrock takes or refuses by name, so one that is left out is noted, and the call goes on."""

_RENAMED = {"advanced-tool-use-2025-11-20": ("tool-search-tool-2025-10-19", "tool-examples-2025-10-29")}
"""What Anthropic's own API calls otherwise: https://github.com/BerriAI/litellm/pull/19373"""

_IN_THE_PATH = frozenset({"model", "stream"})
_OURS = frozenset({"anthropic_version", "anthropic_beta"})
_HINTS = frozenset({"metadata", "diagnostics", "cache_control"})
"""Statistics, and where a prefix may be cached that the caller did not mark. Bedrock's schema has none of them."""

_HARMLESS = {
    "service_tier": frozenset({"auto", "standard_only"}),
    "speed": frozenset({"standard"}),
    "inference_geo": NOWHERE_SPECIAL,
}
"""Fields of Anthropic's own API, and their values that ask for nothing which Bedrock would not do."""

_DROPPED = {
    "service_tier": "At Bedrock a service tier is no part of the body.",
    "speed": "Bedrock has no fast mode.",
    "inference_geo": "At Bedrock the model's id says where it runs.",
    "container": "Bedrock runs no containers.",
    "mcp_servers": "Bedrock connects to no MCP servers.",
    "fallbacks": "Bedrock falls back to no other model.",
    "fallback_credit_token": "Bedrock knows no credit for fallbacks.",
    "billing_policy": "Bedrock bills in its own way.",
    "compaction": "Bedrock compacts by context_management.",
    "output_format": "Bedrock takes output_config.format.",
}

_SERVER_TOOL = re.compile(r"(?:web_search|web_fetch|code_execution|advisor|mcp_toolset)")
"""How the types of tools begin that run at Anthropic. Bedrock has none of them:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-tool-use.html"""

_cap = msgspec.json.Decoder(int)
_bodies = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Tool(msgspec.Struct):
    type: Any = None


_tools = msgspec.json.Decoder(list[msgspec.Raw] | None)
_tool = msgspec.json.Decoder(_Tool)


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`. What is carried is carried byte for byte."""
    given = decode(_bodies, asked.body)
    kept = {name: value for name, value in given.items() if _carried(name, bytes(value), losses)}
    for name, carry in (("tools", _with_tools), ("messages", without_links)):
        if name in kept:
            kept[name] = msgspec.Raw(carry(bytes(kept[name]), losses))
    kept = within_budget(own_messages(kept, losses), losses)
    if _cap.decode(kept["max_tokens"]) > target.output_tokens_max:  # What is more than the model can make.
        kept["max_tokens"] = msgspec.Raw(b"%d" % target.output_tokens_max)
    kept["anthropic_version"] = msgspec.Raw(VERSION)
    if betas := _betas(asked.betas, losses):
        kept["anthropic_beta"] = msgspec.Raw(msgspec.json.encode(betas))
    stream = bytes(given.get("stream", b"")) == b"true"
    return Asked(msgspec.json.encode(kept), model=target.model, verb=STREAM if stream else "invoke")


def _carried(name: str, value: bytes, losses: Losses) -> bool:
    """Whether the member goes on; it is accounted for where it does not."""
    if name in _IN_THE_PATH or value == b"null":
        return False
    if name in _HINTS or name in _OURS:
        losses.note(name)
        return False
    if name not in _DROPPED:
        return True
    if value.strip(b'"').decode() in _HARMLESS.get(name, ()):
        losses.note(name)
    else:
        losses.drop(name, _DROPPED[name])
    return False


def _with_tools(tools: bytes, losses: Losses) -> bytes:
    """The tools but those that only Anthropic's servers run."""
    kept = []
    for at, raw in enumerate(decode(_tools, tools) or ()):
        kind = decode(_tool, bytes(raw)).type
        if isinstance(kind, str) and _SERVER_TOOL.match(kind):
            losses.drop(f"tools[{at}]", f"Bedrock has no {kind}.")
        else:
            kept.append(raw)
    return msgspec.json.encode(kept)


def _betas(header: str, losses: Losses) -> list[str]:
    """What the `anthropic-beta` header names, as far as Bedrock knows it."""
    known: dict[str, None] = {}
    for beta in filter(None, (name.strip() for name in header.split(","))):
        carried = _RENAMED.get(beta, (beta,))
        if BETAS.issuperset(carried):
            known.update(dict.fromkeys(carried))
        else:
            losses.note(f"anthropic-beta: {beta}")
    return list(known)
