"""llama.cpp's server, started with --metrics. /health says 503 while the model loads. Names:
https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (the share of its KV cache until mid-2025).

Its prompt_tokens_total counts what it read, without what was in its cache.
"""

from __future__ import annotations

from gateway.fleet.engines.engine import Engine, listed
from gateway.fleet.engines.said import Names

ENGINE = Engine(
    listed=listed,
    health="{root}/health",
    metrics="{root}/metrics",
    names=Names(
        running=("llamacpp:requests_processing",),
        waiting=("llamacpp:requests_deferred",),
        cache_used=("llamacpp:kv_cache_usage_ratio",),
        prompt_tokens=("llamacpp:prompt_tokens_total",),
        generated_tokens=("llamacpp:tokens_predicted_total",),
    ),
)
