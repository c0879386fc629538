"""Train, fine-tune, retrieve, host, or call an API: the answer and its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LITTLE, MUCH = 10_000, 100_000
"""Requests a month: below the first an API, above the second own hardware is worth a look."""


class Data(StrEnum):
    """How much data of one's own there is to teach a model."""

    NONE = "none"
    LITTLE = "little"
    MUCH = "much"


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a use."""

    data: Data = Data.NONE
    quality_critical: bool = False
    latency_critical: bool = False
    sensitive: bool = False  # Data that must not leave.
    unique_domain: bool = False
    iterating: bool = False  # What it shall do still changes from week to week.
    monthly_requests: int | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about the model, where to run it, and why."""

    model: str
    serving: str
    reasons: tuple[str, ...]


def decided(case: Case) -> Advice:
    """The model by data, quality and latency; where it runs by secrecy and volume."""
    model, why = _model(case)
    serving, where = _serving(case, model)
    return Advice(model, serving, (*why, *where))


def volume_band(monthly_requests: int) -> str:
    """A first orientation by requests a month."""
    if monthly_requests < LITTLE:
        return "API"
    return "consider self-hosting" if monthly_requests > MUCH else "evaluate both"


def _model(case: Case) -> tuple[str, list[str]]:
    if case.data is Data.NONE:
        why = "there is no data of your own to teach a model with"
        return "use a general model", [why]
    if case.data is Data.MUCH:
        if case.quality_critical:
            return "full training", ["there is much data, and quality is critical"]
        return "fine-tune", ["there is much data, and quality is not critical"]
    if case.latency_critical:
        return "fine-tune", ["there is little data, and retrieval would add to a critical latency"]
    if case.unique_domain:
        return "fine-tune", ["the domain is one that general models do not know"]
    return "retrieval (RAG)", ["there is little data: a model that looks it up need not be taught"]


def _serving(case: Case, model: str) -> tuple[str, list[str]]:
    compelled = {
        "sensitive data must not leave": case.sensitive,
        "no API has your model": model == "full training",
        "the latency of your own hardware is yours to set": case.latency_critical and model == "fine-tune",
    }
    if any(compelled.values()):
        return "self-host", [reason for reason, holds in compelled.items() if holds]
    if case.iterating:
        return "API", ["while it still changes, another model is a changed name"]
    if case.monthly_requests is None:
        return "API", ["until volume says otherwise (`fareway plan breakeven`)"]
    band, count = volume_band(case.monthly_requests), f"{case.monthly_requests:,} requests a month"
    if band == "API":
        return "API", [f"{count} do not fill a GPU"]
    return "API, beside own hardware in a trial", [f"{count}: {band}, with bursts to the API"]
