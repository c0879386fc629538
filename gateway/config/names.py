"""Whether every name leads somewhere: deployments to providers, aliases and tiers to models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.catalog.providers import KNOWN
from gateway.config.findings import Findings
from gateway.config.problems import did_you_mean
from gateway.config.schema import FarewayFile
from gateway.config.settings import Target
from gateway.config.shape import Shaped
from gateway.config.yaml_file import KeyPath
from gateway.core.route import TIERS

RESERVED = frozenset({"auto", *TIERS})
"""What callers may ask for besides models and aliases."""


@dataclass(frozen=True, slots=True)
class Names:
    """What may be referred to. Also names from sections with mistakes in them, which are reported once, there."""

    providers: frozenset[str]
    off: frozenset[str]  # Providers that the file turns off.
    models: frozenset[str]
    findings: Findings = field(repr=False)

    def check_deployment(self, path: KeyPath, name: str) -> None:
        """Note a deployment that is not "provider/model" with a provider that is there."""
        provider, slash, model = name.partition("/")
        if not (slash and provider and model) or any(c.isspace() for c in name):
            shown = self.findings.shown(path, name)
            self.findings.add(path, f"must be provider/model, such as openai/gpt-4o-mini{shown}")
        elif provider not in self.providers:
            self.findings.add(path, *self._no_provider(path, provider))

    def check_model_or_deployment(self, path: KeyPath, name: str) -> None:
        """Note a name that is neither."""
        if name in self.models:
            return
        provider, slash, model = name.partition("/")
        if slash and model and provider in self.providers:
            return
        hint = did_you_mean(name, self.models)
        if slash and not hint:
            self.check_deployment(path, name)
        else:
            otherwise = "define it under models, or write provider/model"
            self.findings.add(path, f"there is no model {self.findings.named(path, name)}", hint or otherwise)

    def _no_provider(self, path: KeyPath, name: str) -> tuple[str, str]:
        if name in self.off:
            return f'the provider "{name}" is off', "turn it on under providers"
        if name in KNOWN:
            variable = KNOWN[name].key_env
            hint = f"set {variable}, or name it under providers" if variable else f"write providers: {{{name}: {{}}}}"
            return f'the provider "{name}" is not enabled', hint
        hint = did_you_mean(name, {*self.providers, *KNOWN}, otherwise="name it under providers")
        return f"there is no provider {self.findings.named(path, name)}", hint


def names_in(findings: Findings, shaped: Shaped, providers: Iterable[str]) -> Names:
    """Everything that is defined."""
    raw = findings.document.value.get("models")
    wrong = {path[1] for path in shaped.broken if path[0] == "providers" and len(path) > 1}
    return Names(
        providers=frozenset(providers) | {str(name) for name in wrong},
        off=frozenset(name for name, section in shaped.file.providers.items() if section is None),
        models=frozenset(raw) if isinstance(raw, dict) else frozenset(),
        findings=findings,
    )


def models(file: FarewayFile, names: Names) -> dict[str, tuple[Target, ...]]:
    """The deployments of each model. Notes deployments that are not there or are listed twice."""
    result = {}
    for model, section in file.models.items():
        if model in RESERVED:
            names.findings.add(("models", model), "is a name with a meaning of its own", "rename it", at_key=True)
        seen: set[str] = set()
        for index, deployment in enumerate(section.deployments):
            path = _target_path(names.findings, ("models", model, "deployments", index))
            names.check_deployment(path, deployment.to)
            if deployment.to in seen:
                names.findings.add(path, "is listed twice", "give it a weight instead")
            seen.add(deployment.to)
        result[model] = tuple(Target(d.to, d.weight, d.output_tokens_max) for d in section.deployments)
    return result


def _target_path(findings: Findings, path: KeyPath) -> KeyPath:
    """Where the name of a deployment stands: by itself, or under `to`."""
    return (*path, "to") if (*path, "to") in findings.document.places else path


def aliases(file: FarewayFile, names: Names) -> dict[str, str]:
    """What each alias stands for. Notes those that hide a model, lead to each other, or lead nowhere."""
    for alias, target in file.aliases.items():
        path: KeyPath = ("aliases", alias)
        if alias in names.models or alias in RESERVED:
            kind = "a model" if alias in names.models else "a name with a meaning of its own"
            names.findings.add(path, f'an alias must not hide {kind}, as "{alias}" does', "rename it", at_key=True)
        elif target in file.aliases and target not in names.models:
            names.findings.add(path, f'must lead to a model; "{target}" is an alias itself')
        elif target not in RESERVED:
            names.check_model_or_deployment(path, target)
    return dict(file.aliases)


def tiers(file: FarewayFile, names: Names) -> dict[str, tuple[str, ...]]:
    """The members of each tier. Notes members that are not there, or that are in two tiers."""
    first: dict[str, str] = {}
    for tier, members in file.tiers.items():
        for index, name in enumerate(members):
            path: KeyPath = ("tiers", tier, index)
            if name in file.aliases and name not in names.models:
                names.findings.add(path, f'must be a model; "{name}" is an alias', "write what it stands for")
            elif name in first:
                names.findings.add(path, f"is in the tier {first[name]} already")
            else:
                names.check_model_or_deployment(path, name)
            first.setdefault(name, tier)
    return {tier: tuple(members) for tier, members in file.tiers.items()}
