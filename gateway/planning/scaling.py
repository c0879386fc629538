"""What training a model from nothing costs, by its size and its data.

6 FLOPs per parameter and token (Kaplan et al. 2020, https://arxiv.org/abs/2001.08361), at the share of the hardware's
peak that training reaches (model FLOPs utilisation).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import over, times
from gateway.planning.gpus import Hardware

FLOPS_PER_PARAMETER_TOKEN = 6
UTILISATION = Fraction("0.4")


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: how long on one GPU, and what for."""

    gpu_hours: Fraction
    total: Money
    per_billion_tokens: Money


def training_run(
    params_b: Fraction, tokens_b: Fraction, hardware: Hardware, hourly: Money, utilisation: Fraction = UTILISATION
) -> Run:
    """Parameters and tokens in billions; `hourly` is the price of one GPU for an hour."""
    flops = FLOPS_PER_PARAMETER_TOKEN * params_b * tokens_b * 10**18
    gpu_hours = flops / (hardware.tflops * 10**12 * utilisation) / 3600
    total = times(hourly, gpu_hours)
    return Run(gpu_hours, total, over(total, tokens_b))


def scale(params_b: Fraction) -> str:
    """What models of that size cost to train, as an orientation."""
    for below, words in ((1, "$100–1K on one GPU"), (10, "$1K–10K on 4–8 GPUs"), (100, "$10K–1M on 100 GPUs or more")):
        if params_b < below:
            return words
    return "$1M–100M and more"
