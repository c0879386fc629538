"""What we want to reach: ratios within one run, medians of its rounds."""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]


def bars(figures: Figures) -> Figures:
    """Each with its value and whether it is met; None where a peer could not be measured."""

    def of(workload: str, gateway: str, figure: str = "cpu_us") -> float | None:
        return figures.get(workload, {}).get(gateway, {}).get(figure)

    def ratio(one: float | None, other: float | None) -> float | None:
        return None if one is None or not other else round(one / other, 3)

    chat = of("small_chat", "fareway")
    values = {
        "small_chat_to_sglang": (ratio(chat, of("small_chat", "sglang-router")), "<=", 1.0),
        "small_chat_to_nginx": (ratio(chat, of("small_chat", "nginx")), "<=", 6.0),
        "small_chat_to_vllm": (ratio(chat, of("small_chat", "vllm-router")), "<=", 0.8),
        "litellm_to_small_chat": (ratio(of("small_chat", "litellm"), chat), ">=", 100.0),
        "stream_to_sglang": (ratio(of("stream", "fareway"), of("stream", "sglang-router")), "<=", 1.1),
        "long_prompt_to_vllm": (ratio(of("long_prompt", "fareway"), of("long_prompt", "vllm-router")), "<=", 1.5),
        "cache_hit_to_small_chat": (ratio(of("cache_hit", "fareway"), chat), "<=", 0.7),
        "p99_added_ms": (of("small_chat", "fareway", "p99_ms"), "<=", 1.5),
        "streams_1000_mb": (of("open_streams", "fareway", "rss_mb"), "<=", 120.0),
        "startup_s": (figures.get("startup_s", {}).get("fareway"), "<=", 1.0),
        "two_workers": (figures.get("two_workers_ratio"), ">=", 1.8),
    }
    return {name: _judged(*judged) for name, judged in values.items()}


def _judged(value: float | None, sign: str, bar: float) -> Figures:
    met = None if value is None else (value <= bar if sign == "<=" else value >= bar)
    return {"value": value, "bar": bar, "sign": sign, "met": met}
