"""Carrying a call to a provider that does not speak the caller's dialect: over a named edge, there and back."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gateway.catalog.providers import Deployment
from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Facts
from gateway.dialects.base import Dialect
from gateway.dialects.framing import JSON_ARRAY, Framing, framing_of
from gateway.dialects.gemini import framing_wanted
from gateway.dialects.spoken import DIALECTS
from gateway.journey.receipt import plain
from gateway.translate.edge import Edge, Losses, Target
from gateway.translate.returning import returned

LOSSY = "x-fareway-lossy"
"""The header by which a caller allows what cannot be carried to be left out."""


class Carried(Struct, frozen=True):
    """A call in the dialect of the provider that takes it."""

    edge: Edge
    dialect: Dialect  # The provider's.
    asked: Asked
    facts: Facts
    dropped: tuple[str, ...]  # Fields that were left out.
    framing: Framing  # As the caller wants a stream.

    def content_type(self, of_provider: str) -> str:
        """How the answer comes to the caller."""
        arrays = self.framing is JSON_ARRAY
        return "application/json" if arrays or framing_of(of_provider) is None else "text/event-stream"


class Carrier:
    """One call's translations. Each is made once, however often the call is decided anew."""

    __slots__ = ("_asked", "_lossy", "_made")

    def __init__(self, asked: Asked, *, lossy: bool) -> None:
        self._asked = asked
        self._lossy = lossy
        self._made: dict[tuple[str, str, int], Carried | BadRequest] = {}

    def carried(self, edge: Edge, deployment: Deployment, output_tokens_max: int) -> Carried:
        """The call as this deployment takes it. `output_tokens_max`: for one choice, should the caller have given no
        cap. Raises BadRequest for what cannot be carried."""
        name = (edge.outbound, deployment.group, output_tokens_max)
        made = self._made.get(name)
        if made is None:
            try:
                made = self.over(edge, self._asked, deployment, output_tokens_max)
            except BadRequest as refused:
                made = refused
            self._made[name] = made
        if isinstance(made, BadRequest):
            raise made
        return made

    def over(self, edge: Edge, asked: Asked, deployment: Deployment, output_tokens_max: int) -> Carried:
        """This call, which may be another than the one that came. Raises BadRequest."""
        losses = Losses(allowed=self._lossy)
        target = Target(deployment.model, output_tokens_max, deployment.provider.quirks)
        try:
            translated = edge.request(asked, target, losses)
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None
        except UnicodeDecodeError:  # In a part that nobody had read before.
            raise BadRequest("The body is not valid JSON in UTF-8.") from None
        dialect = DIALECTS[edge.outbound]
        return Carried(edge, dialect, translated, dialect.read(translated), losses.dropped, framing_wanted(asked))


def home(dialect: str, asked: Asked, model: str) -> tuple[Asked, tuple[str, ...]]:
    """The call as it goes to a model of who speaks its own dialect, and what was left out of it. Raises BadRequest."""
    losses = Losses(allowed=False)
    return returned(dialect, asked, model, losses), losses.dropped


def headers_of(carried: Carried | None, dropped: tuple[str, ...], answer: Mapping[str, str]) -> dict[str, str]:
    """What the caller is told beside or instead of the provider's own headers. `dropped`: what was left out."""
    told = {} if carried is None else {"content-type": carried.content_type(answer.get("content-type", ""))}
    return told | {"x-fareway-dropped": plain(", ".join(dropped))} if dropped else told


def lossy(headers: Mapping[str, str]) -> bool:
    """What `x-fareway-lossy` says. Raises BadRequest."""
    word = headers.get(LOSSY)
    if word not in (None, "allow"):
        raise BadRequest(f"{LOSSY} must be allow, or not there", LOSSY)
    return word == "allow"
