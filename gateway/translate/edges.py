"""Every edge there is. Where a provider speaks several dialects that a call could be carried to, the first one here
is taken."""

from __future__ import annotations

from gateway.translate.anthropic_messages_to_bedrock_invoke import AnthropicMessagesToBedrockInvoke
from gateway.translate.edge import Edge

EDGES: tuple[Edge, ...] = (AnthropicMessagesToBedrockInvoke(),)
