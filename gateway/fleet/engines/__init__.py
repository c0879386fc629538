"""What engines say of themselves: which models they serve, and how busy they are. One file for each kind."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.fleet.engines import llamacpp, ollama, openai, sglang, tgi, vllm
from gateway.fleet.engines.engine import Engine

ENGINES: Mapping[str, Engine] = {
    "": openai.ENGINE,
    "vllm": vllm.ENGINE,
    "sglang": sglang.ENGINE,
    "llamacpp": llamacpp.ENGINE,
    "tgi": tgi.ENGINE,
    "ollama": ollama.ENGINE,
}
"""By the name that a provider's `engine` has."""
