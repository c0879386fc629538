"""From Anthropic's Messages to Bedrock's InvokeModel, for the models that Anthropic made.

The body is Anthropic's own there too, but for the model and whether it streams, which the path says, and for what
only Anthropic's own API knows: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
"""

from __future__ import annotations

from gateway.translate.anthropic_messages_to_bedrock_invoke import answer, request, stream
from gateway.translate.edge import Edge


def _by_anthropic(model: str) -> bool:
    """As ids, inference profiles and the ARNs of both tell. The ARN of an application's profile or of provisioned
    throughput names no vendor: it is not served."""
    return "anthropic." in model


EDGE = Edge(
    "anthropic-messages",
    "bedrock-invoke",
    request.translated,
    answer.translated,
    stream.Translation,
    serves=_by_anthropic,
)
