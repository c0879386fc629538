"""Hugging Face's Text Generation Inference: one model, which GET /info names. Names:
https://huggingface.co/docs/text-generation-inference/reference/metrics (tokens are the sums of histograms)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from gateway.fleet.engines.engine import Engine
from gateway.fleet.engines.said import Names


class _Info(Struct):
    model_id: str


_info = msgspec.json.Decoder(_Info)


def listed(page: bytes) -> frozenset[str]:
    """The model of GET /info. Raises UNREADABLE."""
    return frozenset((_info.decode(page).model_id,))


ENGINE = Engine(
    listed=listed,
    models="{root}/info",
    health="{root}/health",
    metrics="{root}/metrics",
    names=Names(
        running=("tgi_batch_current_size",),
        waiting=("tgi_queue_size",),
        prompt_tokens=("tgi_request_input_length_sum",),
        generated_tokens=("tgi_request_generated_tokens_sum",),
        request=("tgi_request_duration",),
    ),
)
