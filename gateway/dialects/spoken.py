"""Every dialect that is spoken here, by name."""

from __future__ import annotations

from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.openai_responses import OpenAIResponses

_ALL: tuple[Dialect, ...] = (OpenAIChat(), OpenAIEmbeddings(), OpenAIResponses())

DIALECTS = {dialect.name: dialect for dialect in _ALL}
