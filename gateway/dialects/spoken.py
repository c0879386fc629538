"""Every dialect that is spoken here, by name."""

from __future__ import annotations

from gateway.dialects.anthropic_count_tokens import AnthropicCountTokens
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.base import Dialect
from gateway.dialects.bedrock_converse import BedrockConverse
from gateway.dialects.bedrock_invoke import BedrockInvoke
from gateway.dialects.cohere_chat import CohereChat
from gateway.dialects.cohere_rerank import CohereRerank
from gateway.dialects.gemini import Gemini
from gateway.dialects.gemini_count_tokens import GeminiCountTokens
from gateway.dialects.gemini_embeddings import GeminiEmbeddings
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_completions import OpenAICompletions
from gateway.dialects.openai_count_tokens import OpenAICountTokens
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.openai_images import OpenAIImages
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.openai_speech import OpenAISpeech
from gateway.dialects.openai_transcriptions import OpenAITranscriptions

_ALL: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIEmbeddings(),
    OpenAIImages(),
    OpenAIResponses(),
    OpenAICountTokens(),
    OpenAISpeech(),
    OpenAITranscriptions(),
    AnthropicMessages(),
    AnthropicCountTokens(),
    Gemini(),
    GeminiEmbeddings(),
    GeminiCountTokens(),
    BedrockConverse(),
    BedrockInvoke(),
    CohereChat(),
    CohereRerank(),
)

DIALECTS = {dialect.name: dialect for dialect in _ALL}
