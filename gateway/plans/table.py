"""Every plan: what the command line and the admin API both offer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

from gateway.plans import accounts, breakeven, choices, forecast, hardware
from gateway.plans.books import Source
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Plan:
    """One of them. `make` raises GatewayError."""

    name: str
    text: str
    declare: Callable[[Takes], None]
    make: Callable[[Namespace, Source], Sheet]
    plots: bool = False
    pages: bool = False  # It is read by people who have no terminal: as a page, too.


_FREE = "what makes training or inference cheaper; from the ledger, by how much"
_IDLE = "who pays what, own hardware's idle time and other shared costs included"

PLANS = (
    Plan(
        "gpus",
        "what hardware costs; with --params, the cheapest that a model fits on",
        hardware.gpus_parameters,
        hardware.gpus,
    ),
    Plan("training", "what one training job costs", hardware.training_parameters, hardware.training),
    Plan(
        "scaling",
        "what training from nothing costs, by parameters and tokens",
        hardware.scaling_parameters,
        hardware.scaling,
    ),
    Plan("request", "what one request costs on hardware of your own", hardware.request_parameters, hardware.request),
    Plan(
        "breakeven",
        "an API against hardware of your own",
        breakeven.breakeven_parameters,
        breakeven.breakeven,
        plots=True,
    ),
    Plan("allocation", "training against inference over a year", choices.allocation_parameters, choices.allocation),
    Plan("optimizations", _FREE, choices.optimizations_parameters, choices.optimizations),
    Plan("decide", "train, fine-tune, retrieve, host, or call an API", choices.decide_parameters, choices.decide),
    Plan(
        "forecast",
        "what the month will come to, and when limits are reached",
        forecast.forecast_parameters,
        forecast.forecast,
        plots=True,
    ),
    Plan("chargeback", _IDLE, accounts.chargeback_parameters, accounts.chargeback, pages=True),
    Plan("carbon", "energy and carbon, by whoever caused it", accounts.carbon_parameters, accounts.carbon),
)
