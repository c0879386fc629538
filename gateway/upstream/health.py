"""How each deployment has been doing: what policies see, and when to leave one alone. Time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil

RECENT = 0.1
"""Weight of the newest call in the running averages: about the last twenty count."""

WAITS_KEPT = 64
"""Of so many calls it is kept how long they took: enough for a p95 that no single one decides."""

WAITS_MIN = 8
"""Fewer say nothing about the slow ones."""


@dataclass(slots=True)
class Waits:
    """How long recent calls of one kind had to wait, in milliseconds."""

    average: float | None = None
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=WAITS_KEPT))
    _p95: float | None = None  # None: to be found out when it is asked for.

    def saw(self, milliseconds: float) -> None:
        """One more, from dispatch."""
        self.average = _mixed(self.average, milliseconds)
        self._recent.append(milliseconds)
        self._p95 = None

    @property
    def p95(self) -> float | None:
        """Nineteen of twenty waited no longer (nearest rank); None before there were a few."""
        if self._p95 is None and len(self._recent) >= WAITS_MIN:
            self._p95 = sorted(self._recent)[ceil(0.95 * len(self._recent)) - 1]
        return self._p95


@dataclass(slots=True)
class Vitals:
    """One deployment. Its breaker is closed (calls pass), open (none does), or half open (one may try).

    closed ──failures in a row──▶ open ──after a while──▶ half open ──an answer begins──▶ closed
                                   ▲                          └────failure────▶ open

    Until an answer has come whole, the next failure opens it again. While only calls of one key have failed, it is
    open to that key alone: what one caller asks may break a provider each time, and must not take it from others.
    """

    error_rate: float = 0.0
    streams: Waits = field(default_factory=Waits)  # For the first bytes of a stream,
    answers: Waits = field(default_factory=Waits)  # and for a whole answer.
    output_tokens: float | None = None
    reasons: bool = False  # It has reported reasoning tokens: some of its output may be charged for unseen.
    in_flight: int = 0
    failures: int = 0  # In a row,
    failing_key: str = ""  # all of this key's calls; empty: of several.
    open_until: float = 0.0
    probing: bool = False

    def working(self, now: float, key_id: str = "") -> bool:
        """Whether a call of this key may be sent now; without one, whether any key's may."""
        return self._closed_to(key_id) or (now >= self.open_until and not self.probing)

    def begin(self, now: float, key_id: str = "") -> bool:
        """A call leaves. Returns whether it is the one that tries while the breaker is half open."""
        self.in_flight += 1
        probe = not self._closed_to(key_id) and now >= self.open_until and not self.probing
        self.probing = self.probing or probe
        return probe

    def leave(self, probe: bool) -> None:
        """It is over, whatever came of it."""
        self.in_flight -= 1
        if probe:
            self.probing = False

    def begun(self) -> None:
        """The call that tries gets an answer: others need not wait for its end, which may be minutes away."""
        self.open_until, self.probing = 0.0, False

    def succeeded(self) -> None:
        """It answered."""
        self.failures, self.open_until = 0, 0.0
        self.error_rate *= 1 - RECENT

    def failed(self, now: float, key_id: str = "", *, failures_max: int, open_s: float) -> None:
        """A call of this key failed in a way that says something about the deployment, not about the request."""
        self.failing_key = key_id if self.failures == 0 or self.failing_key == key_id else ""
        self.failures += 1
        self.error_rate += RECENT * (1 - self.error_rate)
        if self.failures >= failures_max or self.open_until:
            self.open_until = now + open_s

    def _closed_to(self, key_id: str) -> bool:
        others = bool(self.failing_key and key_id) and self.failing_key != key_id
        return self.open_until == 0.0 or others

    def waits(self, *, stream: bool) -> Waits:
        """Of calls of this kind."""
        return self.streams if stream else self.answers

    def saw_output(self, tokens: int) -> None:
        """How much an answer held, for guessing the next one."""
        self.output_tokens = _mixed(self.output_tokens, tokens)


def _mixed(average: float | None, value: float) -> float:
    return value if average is None else average + RECENT * (value - average)


DEPLOYMENTS_MAX = 2_000
"""Whose vitals are kept."""


class Health:
    """Vitals of every deployment, by name."""

    def __init__(self, *, failures_max: int, open_s: float) -> None:
        self._vitals: dict[str, Vitals] = {}
        self.break_after(failures_max, open_s)

    def break_after(self, failures_max: int, open_s: float) -> None:
        """So many failures in a row, and for so long, from now on. Breakers that are open stay so."""
        self._failures_max = failures_max
        self._open_s = open_s

    def seen(self, deployment: str) -> Vitals:
        """The deployment's vitals, for reading only: those of a stranger are healthy."""
        return self._vitals.get(deployment) or Vitals()

    def of(self, deployment: str) -> Vitals:
        """The same, kept from now on: for a deployment that is asked."""
        vitals = self._vitals.get(deployment)
        if vitals is None:
            if len(self._vitals) >= DEPLOYMENTS_MAX:  # Callers can name any model of a provider.
                idle = (name for name, v in self._vitals.items() if not v.in_flight and not v.open_until)
                self._vitals.pop(next(idle, ""), None)
            vitals = self._vitals[deployment] = Vitals()
        return vitals

    def failed(self, deployment: str, now: float, key_id: str = "") -> None:
        """Note a failure of a call of this key under the configured breaker."""
        self.of(deployment).failed(now, key_id, failures_max=self._failures_max, open_s=self._open_s)

    @property
    def known(self) -> dict[str, Vitals]:
        """All that were asked, by name."""
        return dict(self._vitals)

    def in_flight(self) -> dict[str, int]:
        """Calls that are at each deployment now, where there are any or were lately."""
        return {name: vitals.in_flight for name, vitals in self._vitals.items()}

    def states(self, now: float) -> dict[str, int]:
        """For a gauge: 1 where the breaker keeps calls away, else 0. Of those that were ever left alone."""
        known = {name: vitals for name, vitals in self._vitals.items() if vitals.open_until or vitals.error_rate}
        return {name: int(not vitals.working(now)) for name, vitals in known.items()}
