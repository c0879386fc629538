"""Every edge there is. Where a provider speaks several dialects that a call could be carried to, the first one here
is taken."""

from __future__ import annotations

from collections.abc import Collection

from gateway.translate import (
    anthropic_messages_to_bedrock_invoke,
    anthropic_messages_to_gemini,
    anthropic_messages_to_openai_chat,
    gemini_to_openai_chat,
    openai_chat_to_anthropic_messages,
    openai_chat_to_bedrock_converse,
    openai_chat_to_gemini,
    openai_responses_to_anthropic_messages,
    openai_responses_to_openai_chat,
)
from gateway.translate.edge import Edge

EDGES: tuple[Edge, ...] = (
    openai_chat_to_anthropic_messages.EDGE,
    openai_chat_to_gemini.EDGE,
    openai_chat_to_bedrock_converse.EDGE,
    anthropic_messages_to_bedrock_invoke.EDGE,
    anthropic_messages_to_gemini.EDGE,  # Before chat, which Google speaks as well: its own dialect keeps signatures.
    anthropic_messages_to_openai_chat.EDGE,
    openai_responses_to_anthropic_messages.EDGE,
    openai_responses_to_openai_chat.EDGE,
    gemini_to_openai_chat.EDGE,
)


def inbound_to(dialects: Collection[str], model: str) -> frozenset[str]:
    """In which dialects a provider that speaks those can be asked for this model, its own and over edges."""
    over = {edge.inbound for edge in EDGES if edge.outbound in dialects and edge.serves(model)}
    return frozenset(dialects) | over


def edge_to(dialects: Collection[str], inbound: str, model: str) -> Edge | None:
    """How a call in this dialect gets to a provider that speaks those; None where it does not."""
    for edge in EDGES:
        if edge.inbound == inbound and edge.outbound in dialects and edge.serves(model):
            return edge
    return None
