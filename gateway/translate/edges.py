"""Every edge there is. Where a provider speaks several dialects that a call could be carried to, the first one here
is taken."""

from __future__ import annotations

from collections.abc import Collection

from gateway.translate.anthropic_messages_to_bedrock_invoke import AnthropicMessagesToBedrockInvoke
from gateway.translate.anthropic_messages_to_gemini import AnthropicMessagesToGemini
from gateway.translate.anthropic_messages_to_openai_chat import AnthropicMessagesToOpenAIChat
from gateway.translate.edge import Edge
from gateway.translate.openai_chat_to_anthropic_messages import OpenAIChatToAnthropicMessages
from gateway.translate.openai_chat_to_bedrock_converse import OpenAIChatToBedrockConverse
from gateway.translate.openai_chat_to_gemini import OpenAIChatToGemini
from gateway.translate.openai_responses_to_anthropic_messages import OpenAIResponsesToAnthropicMessages
from gateway.translate.openai_responses_to_openai_chat import OpenAIResponsesToOpenAIChat

EDGES: tuple[Edge, ...] = (
    OpenAIChatToAnthropicMessages(),
    OpenAIChatToGemini(),
    OpenAIChatToBedrockConverse(),
    AnthropicMessagesToBedrockInvoke(),
    AnthropicMessagesToGemini(),  # Before chat, which Google speaks as well: its own dialect keeps signatures.
    AnthropicMessagesToOpenAIChat(),
    OpenAIResponsesToAnthropicMessages(),
    OpenAIResponsesToOpenAIChat(),
)


def edge_to(dialects: Collection[str], inbound: str, model: str) -> Edge | None:
    """How a call in this dialect gets to a provider that speaks those; None where it does not."""
    for edge in EDGES:
        if edge.inbound == inbound and edge.outbound in dialects and edge.serves(model):
            return edge
    return None
