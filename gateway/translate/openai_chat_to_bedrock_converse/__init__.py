"""From OpenAI's chat completions to Bedrock's Converse, which speaks for the models of every vendor there.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html , and botocore's model of it.
"""

from __future__ import annotations

from gateway.core.request import Asked
from gateway.translate.edge import Losses, Target, Told
from gateway.translate.openai_chat_to_bedrock_converse.answer import carry_answer
from gateway.translate.openai_chat_to_bedrock_converse.request import carry_request
from gateway.translate.openai_chat_to_bedrock_converse.stream import Chunks


class OpenAIChatToBedrockConverse:
    """See `Edge`."""

    inbound = "openai-chat"
    outbound = "bedrock-converse"

    def serves(self, model: str) -> bool:
        """Converse takes every model that converses."""
        del model
        return True

    def request(self, asked: Asked, target: Target, losses: Losses) -> Asked:
        """See `Edge.request`."""
        return carry_request(asked, target, losses)

    def answer(self, body: bytes, told: Told) -> bytes:
        """See `Edge.answer`."""
        return carry_answer(body, told)

    def stream(self, told: Told) -> Chunks:
        """See `Edge.stream`."""
        return Chunks(told)
