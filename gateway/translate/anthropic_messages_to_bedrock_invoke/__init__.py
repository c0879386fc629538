"""From Anthropic's Messages to Bedrock's InvokeModel, for the models that Anthropic made.

The body is Anthropic's own there too, but for the model and whether it streams, which the path says, and for what
only Anthropic's own API knows: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
"""

from __future__ import annotations

from gateway.core.request import Asked
from gateway.translate.anthropic_messages_to_bedrock_invoke.answer import carry_answer
from gateway.translate.anthropic_messages_to_bedrock_invoke.request import carry_request
from gateway.translate.anthropic_messages_to_bedrock_invoke.stream import Events
from gateway.translate.edge import Losses, Target, Told


class AnthropicMessagesToBedrockInvoke:
    """See `Edge`."""

    inbound = "anthropic-messages"
    outbound = "bedrock-invoke"

    def serves(self, model: str) -> bool:
        """Whether Anthropic made it, as ids, inference profiles and the ARNs of both tell. The ARN of an application's
        profile or of provisioned throughput names no vendor: it is not served."""
        return "anthropic." in model

    def request(self, asked: Asked, target: Target, losses: Losses) -> Asked:
        """See `Edge.request`."""
        return carry_request(asked, target, losses)

    def answer(self, body: bytes, told: Told) -> bytes:
        """See `Edge.answer`."""
        del told
        return carry_answer(body)

    def stream(self, told: Told) -> Events:
        """See `Edge.stream`."""
        del told
        return Events()
