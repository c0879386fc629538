"""Puts checked sections together as settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.catalog.providers import Provider
from gateway.config import names, rules
from gateway.config.alerts import targets
from gateway.config.fields import has_password
from gateway.config.findings import Findings
from gateway.config.machines import machines
from gateway.config.policies import read_params
from gateway.config.references import Source
from gateway.config.schema import FarewayFile
from gateway.config.schema_routing import AutoSection, GuardSection, ModelSection, RoutingSection
from gateway.config.settings import (
    Cache,
    Deferred,
    ExportTo,
    Otel,
    PolicyChoice,
    Prices,
    Routing,
    SemanticCache,
    Server,
    Settings,
    Timeouts,
    Training,
)
from gateway.config.shape import Shaped
from gateway.config.yaml_file import KeyPath
from gateway.core.route import TIERS
from gateway.difficulty.guard import Terms
from gateway.difficulty.model import Difficulty, Unreadable


@dataclass(frozen=True, slots=True)
class Folders:
    """What relative paths are relative to."""

    file: Path  # The folder of the configuration file.
    environ: Mapping[str, str] = field(repr=False)

    def path(self, text: str) -> Path:
        """A path as a user writes it in the file. Raises RuntimeError for ~ where there is no home."""
        if text == "~" or text.startswith("~/"):
            return Path(self.environ.get("HOME") or Path.home()) / text[2:]
        return self.file / text

    def home(self, given: str | None) -> Path:
        """The data directory."""
        if given is None and (variable := self.environ.get("FAREWAY_HOME")):
            return Path(variable).absolute()
        return self.path(given or "~/.fareway")


def build(shaped: Shaped, providers: dict[str, Provider], known: names.Names, folders: Folders) -> Settings:
    """The settings. Notes what does not fit together in the findings of `known`; they then must not be used."""
    file = shaped.file
    home = folders.home(file.home)
    findings = known.findings
    if "@" in (file.state or "") and findings.source(("state",)) is Source.LITERAL:
        findings.add(("state",), "must not hold a password in the file", "write ${REDIS_URL} and set that variable")
    in_postgres = file.ledger is not None and not file.ledger.startswith("/")
    if in_postgres and has_password(file.ledger or "") and findings.source(("ledger",)) is Source.LITERAL:
        findings.add(("ledger",), "must not hold a password in the file", "write ${DATABASE_URL} and set that variable")
    return Settings(
        home=home,
        state=Path(file.state) if file.state and file.state.startswith("/") else home / "state.db",
        shared=file.state if file.state and not file.state.startswith("/") else None,
        pepper=file.pepper.get_secret_value().encode() if file.pepper else None,
        ledger=Path(file.ledger) if file.ledger and not in_postgres else home / "ledger.db",
        ledger_url=file.ledger if in_postgres else None,
        journal=folders.path(file.journal.dir) if file.journal.dir else home / "journal",
        journal_sync_s=file.journal.sync,
        server=_server(file, findings),
        providers=providers,
        machines=machines(file.providers, home, findings),
        models=names.models(file, known),
        aliases=names.aliases(file, known),
        tiers=names.tiers(file, known),
        routing=_routing(file, known, folders),
        timeouts=_timeouts(file),
        alerts=targets(file, findings),
        exports=_exports(file, folders),
        otel=_otel(file),
        training=Training(file.training.approve_above, file.training.interval, file.training.silent_after),
        deferred=_deferred(file),
        cache=_cache(file),
        prices=_prices(file, findings),
        limits=rules.limits(shaped.limits, findings, tiers=file.tiers or (() if providers else TIERS)),
    )


def _cache(file: FarewayFile) -> Cache:
    cache, semantic = file.cache, file.cache.semantic
    return Cache(
        ttl_s=cache.exact.ttl,
        bytes_max=cache.exact.max,
        shared=cache.exact.store == "shared",
        scope=cache.scope,
        tools=cache.tools,
        prompt=cache.prompt,
        semantic=SemanticCache(semantic.errors, semantic.verify, semantic.max, semantic.embed) if semantic else None,
    )


def _server(file: FarewayFile, findings: Findings) -> Server:
    if file.server.bodies_max < file.server.body_max:
        findings.add(("server",), "has a bodies_max below its body_max: no room for the largest body", at_key=True)
    return Server(
        host=file.server.host,
        port=file.server.port,
        workers=file.server.workers,
        body_bytes_max=file.server.body_max,
        header_timeout_s=file.server.header_timeout,
        body_timeout_s=file.server.body_timeout,
        calls_max=file.server.calls_max,
        bodies_bytes_max=file.server.bodies_max,
        ready_grace_s=file.server.ready_grace,
        drain_s=file.server.drain,
        trusted_proxies=tuple(file.server.trusted_proxies),
        metrics=file.server.metrics,
        admin=file.server.admin_port != "off",
        admin_host=file.server.admin_host,
        admin_port=None if file.server.admin_port == "off" else file.server.admin_port,
    )


def _routing(file: FarewayFile, known: names.Names, folders: Folders) -> Routing:
    routing, findings = file.routing, known.findings
    baseline = routing.baseline or ""
    if baseline:
        known.check_deployment(("routing", "baseline"), baseline)
    choice = _choice(routing, Routing().choice, ("routing",), findings)
    auto = _choice(file.auto, Routing().auto, ("auto",), findings)
    named = {name: _choice(model, choice, ("models", name), findings) for name, model in file.models.items()}
    return Routing(
        choice=choice,
        auto=auto,
        named={name: own for name, own in named.items() if own is not choice},
        fallback=routing.fallback,
        retry_rounds=routing.retry.rounds,
        retry_budget=routing.retry.budget,
        breaker_failures=routing.breaker.failures,
        breaker_open_s=routing.breaker.open,
        baseline=baseline,
        guard=_guard(routing.guard, baseline, (auto, choice, *named.values())),
        difficulty=_difficulty(routing.difficulty.model, findings, folders),
    )


def _guard(guard: GuardSection | None, baseline: str, choices: Iterable[PolicyChoice]) -> Terms | None:
    """A guard that thought an answer worth another sum than the policy does would judge it by what it does not do."""
    if guard is None:
        return None
    said = (choice.params["worth"] for choice in choices if isinstance(choice.params.get("worth"), float))
    worth = next(said, Terms().worth) if guard.worth is None else guard.worth
    return Terms(guard.hold_back, worth, baseline)


def _difficulty(model: str, findings: Findings, folders: Folders) -> Path | None:
    """The file of the difficulty model, which can be read."""
    if model == "default":
        return None
    path = folders.path(model)
    try:
        Difficulty.load(path)
    except (OSError, Unreadable) as error:
        findings.add(("routing", "difficulty", "model"), f"cannot be used: {error}", "made by fareway router train")
    return path


def _choice(
    section: RoutingSection | AutoSection | ModelSection, default: PolicyChoice, path: KeyPath, findings: Findings
) -> PolicyChoice:
    if section.policy is None:
        if section.params and not findings.at((*path, "policy")):
            hint = f"write policy: {default.policy}"
            findings.add((*path, "params"), "means nothing without a policy", hint, at_key=True)
        return default
    params, misread = read_params(section.policy, section.params)
    for wrong in misread:
        place, value = (*path, "params", wrong.name), section.params[wrong.name]
        quoted = wrong.unknown or f"'{value}'" in wrong.message
        message, shown = wrong.message, "" if quoted else findings.shown(place, value)
        if findings.source(place) is not Source.LITERAL:  # A reader may quote it.
            message = message.replace(str(value), "…")
        findings.add(place, message + shown, wrong.hint, at_key=wrong.unknown)
    return PolicyChoice(section.policy, params)


def _timeouts(file: FarewayFile) -> Timeouts:
    timeouts = file.timeouts
    return Timeouts(timeouts.connect, timeouts.first_byte, timeouts.idle, timeouts.total)


def _prices(file: FarewayFile, findings: Findings) -> Prices:
    return Prices(
        feed_url=file.prices.feed,
        feed_every_s=file.prices.every,
        guard_factor=file.prices.guard,
        unknown=file.prices.unknown,
        overrides=rules.overrides(file.prices.overrides, findings),
    )


def _otel(file: FarewayFile) -> Otel | None:
    otel = file.telemetry.otel
    if otel is None:
        return None
    headers = {name: value.get_secret_value() for name, value in otel.headers.items()}
    return Otel(otel.endpoint, headers, otel.sample, otel.content, otel.conventions)


def _exports(file: FarewayFile, folders: Folders) -> tuple[ExportTo, ...]:
    def at(to: str) -> str:
        return to if "://" in to else str(folders.path(to))

    return tuple(ExportTo(at(export.to), export.format, export.focus_version) for export in file.exports)


def _deferred(file: FarewayFile) -> Deferred:
    said = file.deferred
    return Deferred(said.waiting, said.batch, said.collect, said.margin, said.keep, said.private_webhooks)
