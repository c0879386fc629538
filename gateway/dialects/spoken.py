"""Every dialect that is spoken here, by name."""

from __future__ import annotations

from gateway.dialects.base import Dialect
from gateway.dialects.gemini import Gemini
from gateway.dialects.gemini_count_tokens import GeminiCountTokens
from gateway.dialects.gemini_embeddings import GeminiEmbeddings
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_embeddings import OpenAIEmbeddings

_ALL: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAIEmbeddings(),
    Gemini(),
    GeminiEmbeddings(),
    GeminiCountTokens(),
)

DIALECTS = {dialect.name: dialect for dialect in _ALL}
