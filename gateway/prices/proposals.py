"""What GPUs cost by the hour elsewhere: lists of others, as proposals that a person approves.

Nothing here prices a call. A list is read into offers, compared with what was approved before, and waits in the home;
once approved it is the catalogue that the prices of own GPUs may refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

import msgspec

from gateway.prices.diff import percent
from gateway.prices.guard import FACTOR, KEPT
from gateway.prices.stored import FOLDER, write

NANOS_PER_DOLLAR = 10**9
DEAREST = 10**5  # USD per hour of one instance.
DIGITS_MAX = 40  # Before or behind the point; more would only cost time.
TRUE = {"true", "1", "yes"}
NOTHING = {"", "nan", "none"}

# What lists call the same thing. gpuhunt 0.1.34: CatalogItem; SkyPilot's catalogue v8: vms.csv, one file a provider.
GPUHUNT: Mapping[str, str] = {
    "provider": "provider",
    "instance": "instance_name",
    "location": "location",
    "gpu": "gpu_name",
    "count": "gpu_count",
    "memory": "gpu_memory",
}
SKYPILOT: Mapping[str, str] = {
    "instance": "InstanceType",
    "location": "Region",
    "gpu": "AcceleratorName",
    "count": "AcceleratorCount",
}


class ProposalError(ValueError):
    """A list of GPU prices cannot be read. The message names the row."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of machine with GPUs at one place, and its price for an hour, all of its GPUs together."""

    provider: str
    instance: str
    location: str
    gpu: str
    gpu_count: int
    gpu_memory_gb: Decimal | None = None  # Of each GPU.
    spot: bool
    nanos_per_hour: int  # Nano-dollars, rounded up.
    day: str  # On which the price was read.

    @property
    def name(self) -> tuple[str, str, str, str, int, bool]:
        """What makes it the same offer on another day."""
        return self.provider, self.instance, self.location, self.gpu, self.gpu_count, self.spot


class Catalogue(msgspec.Struct, frozen=True):
    """Offers, where they are from, and why they look suspicious, if they do."""

    source: str
    day: str
    offers: tuple[Offer, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """An offer that is new, gone, or has another price. Nano-dollars per hour; None is none."""

    offer: Offer
    before: int | None
    after: int | None

    @property
    def words(self) -> str:
        """'new', 'gone', or by how much it moves."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        return percent(self.before, self.after)


class Proposals:
    """The catalogue approved in a home, and the one proposed. One file each, replaced whole."""

    def __init__(self, home: Path) -> None:
        self._approved = home / FOLDER / "gpus.json"
        self._proposed = home / FOLDER / "gpus-proposed.json"

    def approved(self) -> Catalogue | None:
        """What was approved; None if nothing was. Raises OSError or ProposalError."""
        return _read(self._approved)

    def proposed(self) -> Catalogue | None:
        """What waits for a yes; None if nothing does. Raises OSError or ProposalError."""
        return _read(self._proposed)

    def propose(self, catalogue: Catalogue) -> None:
        """Let these offers wait for a yes. Raises OSError."""
        write(self._proposed, msgspec.json.encode(catalogue))

    def approve(self) -> Catalogue | None:
        """Say yes to what waits: its providers' offers take the place of those approved before; other providers'
        remain. Raises OSError or ProposalError."""
        proposed = self.proposed()
        if proposed is None:
            return None
        kept = others(self.approved(), proposed.offers)
        merged = Catalogue(proposed.source, proposed.day, tuple(sorted([*kept, *proposed.offers], key=_order)))
        write(self._approved, msgspec.json.encode(merged))
        self._proposed.unlink(missing_ok=True)
        return merged


def proposal(
    rows: Iterable[Mapping[str, object]],
    *,
    provider: str,
    source: str,
    day: str,
    before: Catalogue | None,
    factor: int | Fraction = FACTOR,
) -> Catalogue:
    """Read a list, and judge it by what was approved before. Raises ProposalError."""
    found = offers(rows, provider, day)
    return Catalogue(source, day, found, tuple(suspicions(before.offers if before is not None else (), found, factor)))


def offers(rows: Iterable[Mapping[str, object]], provider: str, day: str) -> tuple[Offer, ...]:
    """The offers of a list in the shape of gpuhunt or of SkyPilot's vms.csv, sorted; `provider` where no row says.

    Rows without a GPU, with a part of one, or without a price are left out. Of two prices for one offer the higher
    counts. Raises ProposalError.
    """
    found: dict[tuple[object, ...], Offer] = {}
    for number, row in enumerate(rows, 1):
        try:
            for offer in _of_row(row, provider, day):
                if offer.name not in found or found[offer.name].nanos_per_hour < offer.nanos_per_hour:
                    found[offer.name] = offer
        except ValueError as error:
            raise ProposalError(f"row {number}: {error}") from None
    if not found:
        raise ProposalError("the list prices no GPU")
    return tuple(sorted(found.values(), key=_order))


def moves(before: Catalogue | None, found: Sequence[Offer]) -> Iterator[Move]:
    """What differs from what was approved of these providers."""
    known = {offer.name: offer for offer in _mine(before.offers if before is not None else (), found)}
    now = {offer.name: offer for offer in found}
    for name in sorted(known.keys() | now.keys()):
        was, is_now = known.get(name), now.get(name)
        old, new = (offer.nanos_per_hour if offer is not None else None for offer in (was, is_now))
        offer = is_now or was
        if old != new and offer is not None:
            yield Move(offer, old, new)


def suspicions(before: Iterable[Offer], found: Sequence[Offer], factor: int | Fraction = FACTOR) -> Iterator[str]:
    """Why these offers should be looked at twice: a provider lost a tenth of them, or a price moved too far."""
    known = {offer.name: offer.nanos_per_hour for offer in _mine(before, found)}
    for provider in sorted({offer.provider for offer in found}):
        was = sum(name[0] == provider for name in known)
        now = sum(offer.provider == provider for offer in found)
        if was and now <= was * KEPT:
            yield f"{provider} has {now} offers where it had {was}"
    for offer in found:
        old, new = known.get(offer.name), offer.nanos_per_hour
        if old is not None and (new > old * factor or old > new * factor):
            kind = "spot" if offer.spot else "on demand"
            yield (
                f"{offer.provider}/{offer.instance} in {offer.location}, {kind}, moves from {old} to {new} "
                f"nano-dollars an hour, more than {factor}-fold"
            )


def others(before: Catalogue | None, found: Iterable[Offer]) -> list[Offer]:
    """What was approved of providers that these offers do not speak of."""
    named = {offer.provider for offer in found}
    return [offer for offer in (before.offers if before is not None else ()) if offer.provider not in named]


def _mine(before: Iterable[Offer], found: Iterable[Offer]) -> list[Offer]:
    named = {offer.provider for offer in found}
    return [offer for offer in before if offer.provider in named]


def _order(offer: Offer) -> tuple[object, ...]:
    return offer.name


def _of_row(row: Mapping[str, object], provider: str, day: str) -> Iterator[Offer]:
    """The offers of one row. Raises ValueError."""
    shape = next((shape for shape in (GPUHUNT, SKYPILOT) if shape["instance"] in row), None)
    if shape is None:
        raise ValueError("is neither in the shape of gpuhunt nor in that of SkyPilot")
    said = {name: _text(row.get(column)) for name, column in shape.items()}
    count = _number(said["count"]) or Decimal(0)
    if not said["gpu"] or count < 1 or count % 1:
        return
    for spot, price in _prices(row, said):
        yield Offer(
            provider=said.get("provider") or provider,
            instance=said["instance"],
            location=said["location"],
            gpu=said["gpu"],
            gpu_count=int(count),
            gpu_memory_gb=_number(said.get("memory", "")),
            spot=spot,
            nanos_per_hour=_nanos(price),
            day=day,
        )


def _prices(row: Mapping[str, object], said: Mapping[str, str]) -> Iterator[tuple[bool, Decimal]]:
    """Whether for a spot machine, and dollars per hour: SkyPilot has both kinds in one row. Raises ValueError."""
    spot = _text(row.get("spot")).lower() in TRUE
    columns = ((False, "Price"), (True, "SpotPrice")) if "memory" not in said else ((spot, "price"),)
    for kind, column in columns:
        price = _number(_text(row.get(column)))
        if price is not None:
            yield kind, price


def _nanos(price: Decimal) -> int:
    if not 0 < price <= DEAREST:
        raise ValueError(f"{price} dollars an hour is no price")
    exact = Fraction(price) * NANOS_PER_DOLLAR
    return -(-exact.numerator // exact.denominator)


def _number(text: str) -> Decimal | None:
    """A number, or None for nothing. Raises ValueError."""
    if text.lower() in NOTHING:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_MAX:
        raise ValueError(f"{text!r} is not a number")
    return number


def _text(value: object) -> str:
    return str(value).strip() if value is not None else ""


def _read(path: Path) -> Catalogue | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Catalogue)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise ProposalError(f"{path} is broken: {error}") from None
