"""From OpenAI's chat completions to Bedrock's Converse, which speaks for the models of every vendor there.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html , and botocore's model of it.
"""

from __future__ import annotations

from gateway.translate.edge import Edge
from gateway.translate.openai_chat_to_bedrock_converse import answer, request, stream

EDGE = Edge("openai-chat", "bedrock-converse", request.translated, answer.translated, stream.Translation)
