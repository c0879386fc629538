"""How a call goes on that a limit would have refused, and what is said about it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Dialect
from gateway.dialects.caps import capped
from gateway.journey.option import Chosen, Option


class Detour(Struct, frozen=True):
    """Another way than the one that was asked for."""

    reason: str = ""  # As a part of the sentence that says why the call went where it did.
    waited_s: float = 0.0  # In line.
    fitted: int | None = None  # Output tokens that each choice was cut down to.
    tier: str = ""  # Whose models are asked instead,
    among: frozenset[str] = frozenset()  # which are these deployments.

    @property
    def changes_the_answer(self) -> bool:
        """Whether the answer is another one than was asked for, which nobody else may be given."""
        return self.fitted is not None or bool(self.tier)

    @property
    def headers(self) -> dict[str, str]:
        """For the caller."""
        told = {} if self.fitted is None else {"x-fareway-fitted": str(self.fitted)}
        if self.tier:
            told["x-fareway-downgraded"] = self.tier
        if self.waited_s:
            told["x-fareway-queued-ms"] = f"{self.waited_s * 1000:.0f}"
        return told

    def open_to(self, options: tuple[Option, ...]) -> tuple[Option, ...]:
        """Those that may be asked."""
        return tuple([o for o in options if o.candidate.name in self.among]) if self.tier else options

    def told(self, chosen: Chosen) -> Chosen:
        """The plan, with this as a part of its reason."""
        waited = f"waited {self.waited_s:.2f} s for room" if self.waited_s else ""
        return replace(chosen, reason="; ".join(filter(None, (chosen.reason, self.reason, waited))))

    def asked(self, asked: Asked, dialect: Dialect, option: Option) -> Asked:
        """The request as it leaves for this deployment."""
        if self.fitted is None:
            return asked
        body = capped(dialect.name, asked.body, self.fitted, option.deployment.provider.quirks)
        if body is None:  # It was seen to be possible before anything was held.
            raise BadRequest("The output of this call cannot be capped.")
        return replace(asked, body=body)
