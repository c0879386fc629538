"""vLLM. Names: https://docs.vllm.ai/en/stable/usage/metrics/ (V1; gpu_cache_usage_perc until 0.9).

Its prompt_tokens_total counts what was found in the prefix cache, too; prefix_cache_queries and _hits count tokens.
"""

from __future__ import annotations

from gateway.fleet.engines.engine import Engine, listed
from gateway.fleet.engines.said import Names

ENGINE = Engine(
    listed=listed,
    health="{root}/health",
    metrics="{root}/metrics",
    names=Names(
        running=("vllm:num_requests_running",),
        waiting=("vllm:num_requests_waiting",),
        cache_used=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        hits=("vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
        looked_up=("vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"),
        prompt_tokens=("vllm:prompt_tokens_total",),
        generated_tokens=("vllm:generation_tokens_total",),
        first_token=("vllm:time_to_first_token_seconds",),
        request=("vllm:e2e_request_latency_seconds",),
    ),
)
