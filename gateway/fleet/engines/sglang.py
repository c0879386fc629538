"""SGLang, started with --enable-metrics.

Names: https://docs.sglang.io/references/production_metrics.html
"""

from __future__ import annotations

from gateway.fleet.engines.engine import Engine, listed
from gateway.fleet.engines.said import Names

ENGINE = Engine(
    listed=listed,
    health="{root}/health",
    metrics="{root}/metrics",
    names=Names(
        running=("sglang:num_running_reqs",),
        waiting=("sglang:num_queue_reqs",),
        cache_used=("sglang:token_usage",),
        hit_rate=("sglang:cache_hit_rate",),
        prompt_tokens=("sglang:prompt_tokens_total",),
        generated_tokens=("sglang:generation_tokens_total",),
        first_token=("sglang:time_to_first_token_seconds",),
        request=("sglang:e2e_request_latency_seconds",),
    ),
)
