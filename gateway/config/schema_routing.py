"""The shape of what decides where calls go."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.config import fields as f
from gateway.config.section import Section


def _named(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


class DeploymentSection(Section):
    """One place that serves a model."""

    to: str = Field(description="provider/model, such as openai/gpt-4o-mini.")
    weight: f.Whole = Field(
        default=1, ge=0, le=1_000_000, description="Its share under policies.weighted; 0 is fallback only."
    )
    output_tokens_max: f.Whole | None = Field(
        default=None, ge=1, description="The most it generates in one answer; left out, the price book is asked."
    )


Deployment = Annotated[DeploymentSection, BeforeValidator(_named, json_schema_input_type=str | DeploymentSection)]


class ModelSection(Section):
    """A name that callers use, and where it is served."""

    deployments: list[Deployment] = Field(min_length=1, description="provider/model, or {to, weight, …}.")
    policy: f.PolicyName | None = Field(default=None, description="For this name alone; that of `routing` if left out.")
    params: dict[str, Any] = Field(default_factory=dict, description="The policy's own.")


class AutoSection(Section):
    """How the model "auto" is chosen."""

    policy: f.PolicyName | None = Field(default=None, description="By its dotted name; policies.tiered if left out.")
    params: dict[str, Any] = Field(default_factory=dict, description="The policy's own.")


class RetrySection(Section):
    """Asking again."""

    rounds: f.Whole = Field(default=1, ge=0, le=10, description="Times to go through the plan again after a wait.")
    budget: f.Percentage = Field(
        default="10%", validate_default=True, description="The share of recent calls that may be repeats."
    )


class BreakerSection(Section):
    """Leaving a failing deployment alone."""

    failures: f.Whole = Field(
        default=5,
        ge=1,
        le=1000,
        description="In a row. Those of one key open it to that key alone, as many of others to all.",
    )
    open: f.Duration = Field(default="10s", validate_default=True, description="For how long.")


class GuardSection(Section):
    """Whether a policy that predicts success pays. It is compared with one fixed model, by feedback and cost."""

    hold_back: f.Percentage = Field(
        default="5%", validate_default=True, description="The share of its calls that the fixed model gets instead."
    )
    worth: f.Dollars | None = Field(
        default=None,
        description="What a good answer is worth, beside its cost; left out, as a policy's params say, or a cent.",
    )


class DifficultySection(Section):
    """What policies that read success are told before any feedback."""

    model: str = Field(
        default="default",
        min_length=1,
        description="A file made by `fareway router train`, or default: the one that comes with the gateway.",
    )


class RoutingSection(Section):
    """How calls find their way."""

    policy: f.PolicyName | None = Field(default=None, description="By its dotted name; policies.cheapest if left out.")
    params: dict[str, Any] = Field(default_factory=dict, description="The policy's own.")
    fallback: f.Whole = Field(default=2, ge=0, le=20, description="Further candidates to try, at most.")
    retry: RetrySection = Field(default_factory=RetrySection)
    breaker: BreakerSection = Field(default_factory=BreakerSection)
    baseline: str | None = Field(
        default=None,
        min_length=1,
        description="The provider/model that routing is compared with; left out, the cheapest of the best tier.",
    )
    guard: GuardSection | None = Field(
        default=None, description="Switches a policy off that does not beat the best fixed model; left out, none does."
    )
    difficulty: DifficultySection = Field(default_factory=DifficultySection)
