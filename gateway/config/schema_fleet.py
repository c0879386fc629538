"""The sections of fareway.yaml about machines of your own."""

from __future__ import annotations

from pydantic import Field

from gateway.config import fields as f
from gateway.config.section import Section
from gateway.fleet.machine import DECODE, PATIENCE_MS, PREFILL
from gateway.planning.gpus import Tier


class PriceStepSection(Section):
    """Another price from a moment on, as spot prices change."""

    since: f.Moment = Field(alias="from", description="From when on; in UTC where no offset is said.")
    price: f.HourlyPrice = Field(description="Dollars an hour, of one device.")


class GpuSection(Section):
    """The machine below an engine of your own, and what an hour of it costs. Each of several base_urls has one."""

    type: str | None = Field(
        default=None,
        min_length=1,
        description="As in fareway plan gpus: h100, a100-80, cpu-12; with a price, anything.",
    )
    offer: f.OfferName | None = Field(
        default=None,
        description="A machine of the approved list (fareway prices approve --gpus), instead of a type.",
    )
    count: f.Whole = Field(default=1, ge=1, le=1024, description="Devices in the machine.")
    price: f.HourlyPrice | None = Field(
        default=None, description="Dollars an hour of one device: 2.47/h. Left out, that of the catalogue."
    )
    prices: list[PriceStepSection] = Field(default_factory=list, description="Later prices, each with its date.")
    tier: Tier = Field(default=Tier.ON_DEMAND, description="How it is bought; a reserved one always costs.")
    schedule: f.WeekHours | None = Field(
        default=None,
        description="When it runs and is paid for, such as mon-fri 08:00-20:00 Europe/Zurich; else always.",
    )
    region: str | None = Field(default=None, min_length=1, description="Where it stands.")
    power: f.Watts | None = Field(default=None, description="Of one device at full load: 350W.")
    electricity: f.EnergyPrice | None = Field(
        default=None, description="Dollars a kilowatt-hour: 0.12/kWh. Left out where the price has it in it."
    )
    notice: f.Url | None = Field(
        default=None,
        description="Asked every second whether the machine is taken back, as metadata services of clouds say; "
        "{host} and {backend}, its host and port, are the backend's.",
    )
    patience: f.Duration = Field(
        default=f"{PATIENCE_MS}ms",
        validate_default=True,
        description="The wait at which one more call there costs what it would elsewhere.",
    )
    prefill: f.TokenRate = Field(
        default=f"{PREFILL}/s",
        validate_default=True,
        description="Tokens of a prompt that it reads for one call alone, at the slowest: what is held for.",
    )
    decode: f.TokenRate = Field(
        default=f"{DECODE}/s", validate_default=True, description="The same for tokens that it writes."
    )
