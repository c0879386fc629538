"""The machines of providers with engines of your own: what each costs."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.findings import Findings
from gateway.config.problems import did_you_mean
from gateway.config.schema import ProviderSection
from gateway.config.schema_fleet import GpuSection
from gateway.config.yaml_file import KeyPath
from gateway.core.money import Money
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS, Rate, Step
from gateway.planning.gpus import Hardware, Tier, catalogue

RESERVED = frozenset({Tier.RESERVED_1Y, Tier.RESERVED_3Y})


def machines(sections: Mapping[str, ProviderSection | None], findings: Findings) -> dict[str, Machine]:
    """Each provider's, by its name. Notes what has no price, and what does not fit together."""
    found = ((name, section.gpu) for name, section in sections.items() if section is not None)
    made = ((name, _machine(gpu, ("providers", name, "gpu"), findings)) for name, gpu in found if gpu is not None)
    return {name: machine for name, machine in made if machine is not None}


def _machine(gpu: GpuSection, path: KeyPath, findings: Findings) -> Machine | None:
    hardware = _hardware(gpu, path, findings)
    price = gpu.price if gpu.price is not None or hardware is None else hardware.hourly[gpu.tier]
    moments = [step.since for step in gpu.prices]
    if moments != sorted(set(moments)):
        findings.add((*path, "prices"), "must be in the order of their dates")
    if gpu.schedule is not None and gpu.tier in RESERVED:
        message = "means nothing for a reserved machine, which always costs"
        findings.add((*path, "schedule"), message, "leave it out, or write tier: on-demand", at_key=True)
    first = price if price is not None else gpu.prices[0].price if gpu.prices else None
    if first is None:
        return None
    power = gpu.power if gpu.power is not None else hardware.watts if hardware is not None else 0
    return Machine(
        hardware=hardware.name if hardware is not None else gpu.type,
        count=gpu.count,
        tier=gpu.tier,
        rate=_rate(gpu, first),
        region=gpu.region or "",
        power_w=power * gpu.count,
        notice=gpu.notice or "",
        priced="configuration" if gpu.price is not None or price is None else f"catalogue of {catalogue().date}",
        prefill=gpu.prefill,
        decode=gpu.decode,
        patience_ms=round(gpu.patience * 1000),
        electricity=gpu.electricity.picos if gpu.electricity is not None else 0,
    )


def _hardware(gpu: GpuSection, path: KeyPath, findings: Findings) -> Hardware | None:
    """Of the catalogue; None for another, which must have a price of its own."""
    try:
        return catalogue().named(gpu.type)
    except ValueError:
        if gpu.price is None and not gpu.prices:
            names = [one.name for one in catalogue().hardware]
            hint = did_you_mean(gpu.type, names, otherwise=f"the catalogue has {', '.join(names)}")
            named = findings.named((*path, "type"), gpu.type)
            findings.add(
                (*path, "type"), f"there is no price for {named} in the catalogue", f"{hint}; or write its price"
            )
        return None


def _rate(gpu: GpuSection, first: Money) -> Rate:
    later = [Step(round(step.since) * SECOND_NS, step.price.picos * gpu.count) for step in gpu.prices]
    return Rate((Step(0, first.picos * gpu.count), *later), gpu.schedule)
