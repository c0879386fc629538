"""The machines of providers with engines of your own: what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.findings import Findings
from gateway.config.problems import did_you_mean
from gateway.config.schema import ProviderSection
from gateway.config.schema_fleet import GpuSection
from gateway.config.yaml_file import KeyPath
from gateway.core.money import Money
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS, Rate, Step
from gateway.planning.gpus import Tier, catalogue
from gateway.prices.proposals import Offer, ProposalError, Proposals

RESERVED = frozenset({Tier.RESERVED_1Y, Tier.RESERVED_3Y})


@dataclass(frozen=True, slots=True)
class _Known:
    """What a machine is, and the price of all its devices together where others say it."""

    hardware: str
    count: int
    hourly: Money | None = None
    priced: str = "configuration"
    watts: int = 0  # Of one device.


def machines(sections: Mapping[str, ProviderSection | None], home: Path, findings: Findings) -> dict[str, Machine]:
    """Each provider's, by its name. Notes what has no price, and what does not fit together."""
    found = ((name, section.gpu) for name, section in sections.items() if section is not None)
    made = ((name, _machine(gpu, home, ("providers", name, "gpu"), findings)) for name, gpu in found if gpu is not None)
    return {name: machine for name, machine in made if machine is not None}


def _machine(gpu: GpuSection, home: Path, path: KeyPath, findings: Findings) -> Machine | None:
    _check(gpu, path, findings)
    known = _of_offer(gpu, home, path, findings) if gpu.offer is not None else _of_type(gpu, path, findings)
    own = Money(gpu.price.picos * known.count) if gpu.price is not None else None
    later = [Step(round(step.since) * SECOND_NS, step.price.picos * known.count) for step in gpu.prices]
    first = own or known.hourly or (Money(later[0].picos) if later else None)
    if first is None:
        return None
    return Machine(
        hardware=known.hardware,
        count=known.count,
        tier=gpu.tier,
        rate=Rate((Step(0, first.picos), *later), gpu.schedule),
        region=gpu.region or "",
        power_w=(gpu.power if gpu.power is not None else known.watts) * known.count,
        notice=gpu.notice or "",
        priced=known.priced if own is None and known.hourly is not None else "configuration",
        prefill=gpu.prefill,
        decode=gpu.decode,
        patience_ms=round(gpu.patience * 1000),
        electricity=gpu.electricity.picos if gpu.electricity is not None else 0,
    )


def _check(gpu: GpuSection, path: KeyPath, findings: Findings) -> None:
    if (gpu.type is None) == (gpu.offer is None):
        findings.add(path, "needs either a type, such as h100, or an offer", at_key=True)
    moments = [step.since for step in gpu.prices]
    if moments != sorted(set(moments)):
        findings.add((*path, "prices"), "must be in the order of their dates")
    if gpu.schedule is not None and gpu.tier in RESERVED:
        message = "means nothing for a reserved machine, which always costs"
        findings.add((*path, "schedule"), message, "leave it out, or write tier: on-demand", at_key=True)


def _of_type(gpu: GpuSection, path: KeyPath, findings: Findings) -> _Known:
    """By the catalogue; what is not in it must have a price of its own."""
    name = gpu.type or ""
    try:
        found = catalogue().named(name)
    except ValueError:
        if name and gpu.price is None and not gpu.prices:
            names = [one.name for one in catalogue().hardware]
            hint = did_you_mean(name, names, otherwise=f"the catalogue has {', '.join(names)}")
            message = f"there is no price for {findings.named((*path, 'type'), name)} in the catalogue"
            findings.add((*path, "type"), message, f"{hint}; or write its price")
        return _Known(name, gpu.count)
    hourly = Money(found.hourly[gpu.tier].picos * gpu.count)
    return _Known(found.name, gpu.count, hourly, f"catalogue of {catalogue().date}", found.watts)


def _of_offer(gpu: GpuSection, home: Path, path: KeyPath, findings: Findings) -> _Known:
    """By the list that was approved in the home. Its price is of the whole machine."""
    try:
        approved = Proposals(home).approved()
    except (OSError, ProposalError) as error:
        findings.add((*path, "offer"), f"the approved list cannot be read: {error}")
        return _Known("", gpu.count)
    offers = {_name(offer): offer for offer in (approved.offers if approved is not None else ()) if _fits(offer, gpu)}
    offer = offers.get(gpu.offer or "")
    if offer is None:
        hint = did_you_mean(gpu.offer, offers, otherwise="approve a list that has it: fareway prices propose --gpus")
        findings.add((*path, "offer"), f"is no {gpu.tier.value} offer of an approved list", hint)
        return _Known("", gpu.count)
    hourly = Money.of_nanos(offer.nanos_per_hour)
    return _Known(offer.gpu, offer.gpu_count, hourly, f"{_name(offer)}, approved as of {offer.day}")


def _fits(offer: Offer, gpu: GpuSection) -> bool:
    return gpu.tier is (Tier.SPOT if offer.spot else Tier.ON_DEMAND)


def _name(offer: Offer) -> str:
    return f"{offer.provider}/{offer.instance}/{offer.location}"
