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

UNANSWERED_S = 300
"""Nobody was answered for so long, and one key alone fails: it may be down, and this key the only one that calls."""


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

    Until an answer has come whole, the next failure opens it again. What one caller asks may break a provider each
    time, and must not take it from others: it opens to the key that failed most alone, and to all by the failures of
    the other keys. Who tries and fails tells of one key, too: another key may try next, and opens it if it fails.
    """

    error_rate: float = 0.0
    streams: Waits = field(default_factory=Waits)  # For the first bytes of a stream,
    answers: Waits = field(default_factory=Waits)  # and for a whole answer.
    output_tokens: float | None = None
    reasons: bool = False  # It has reported reasoning tokens: some of its output may be charged for unseen.
    in_flight: int = 0
    failures: dict[str, int] = field(default_factory=dict)  # In a row, by key, until it is open to all.
    open_until: float = 0.0  # To all,
    failing_key: str = ""  # and to this key alone
    key_open_until: float = 0.0  # until then.
    unanswered_since: float = 0.0  # When it opened to one key, and no call was answered after that.
    probing: bool = False
    answered: bool = False  # At any time.
    answered_key: str = ""  # Whose call was answered last; empty: nobody's yet, or none for a pause.

    @property
    def left_alone(self) -> bool:
        """By all, or by the one key that calls: until it answers again. What one key breaks for itself while others
        are answered is not the operator's matter."""
        return self.open_until > 0.0 or (self.failing_key != "" and self.answered_key in ("", self.failing_key))

    @property
    def worth(self) -> tuple[bool, float]:
        """The more, the longer it is kept: whether it has answered, and until when it is left alone."""
        return self.answered, max(self.open_until, self.key_open_until)

    def working(self, now: float, key_id: str = "") -> bool:
        """Whether a call of this key may be sent now; without one, whether any key's may."""
        until = self._open_to(key_id)
        return until == 0.0 or (now >= until and not self.probing)

    def begin(self, now: float, key_id: str = "") -> bool:
        """A call leaves. Returns whether it is the one that tries while the breaker is half open."""
        self.in_flight += 1
        probe = self._open_to(key_id) > 0.0 and self.working(now, key_id)
        self.probing = self.probing or probe
        return probe

    def leave(self, probe: bool) -> None:
        """It is over, whatever came of it."""
        self.in_flight -= 1
        if probe:
            self.probing = False

    def begun(self, key_id: str = "", *, probe: bool) -> None:
        """A call of this key gets an answer: if it tries, others need not wait for its end, minutes away maybe."""
        if key_id not in self.failures:  # Else it may break off again.
            self.unanswered_since = 0.0
        if probe:
            self.open_until, self.probing = 0.0, False
        if probe and key_id == self.failing_key:
            self.failing_key, self.key_open_until = "", 0.0

    def succeeded(self, key_id: str = "") -> None:
        """It answered a call of this key."""
        self.answered, self.answered_key = True, key_id
        self.failures.clear()
        self.open_until, self.failing_key, self.key_open_until, self.unanswered_since = 0.0, "", 0.0, 0.0
        self.error_rate *= 1 - RECENT

    def failed(self, now: float, key_id: str = "", *, failures_max: int, open_s: float) -> None:
        """A call of this key failed in a way that says something about the deployment, not about the request."""
        self.error_rate += RECENT * (1 - self.error_rate)
        if not self.open_until:
            self.failures[key_id] = self.failures.get(key_id, 0) + 1
        if self._fails_alone(now, key_id, failures_max):
            self._open_to_one(now, key_id, open_s)
        elif self.open_until or self._failures_of_others >= failures_max:
            self.open_until = now + open_s

    def _open_to_one(self, now: float, key_id: str, open_s: float) -> None:
        self.failing_key, self.key_open_until = key_id, now + open_s
        self.unanswered_since = self.unanswered_since or now
        if now >= self.unanswered_since + UNANSWERED_S:
            self.answered_key = ""

    def _open_to(self, key_id: str) -> float:
        """Until when it is open to this key; 0 where it is closed."""
        return max(self.open_until, self.key_open_until) if key_id in ("", self.failing_key) else self.open_until

    def _fails_alone(self, now: float, key_id: str, failures_max: int) -> bool:
        """Whether the failure of this key that was just counted is to be heard by no other."""
        if not key_id or key_id == self.failing_key:
            return bool(key_id)
        if self.open_until:  # No other key has tried since.
            return self.key_open_until <= self.open_until <= now
        return self.failures[key_id] >= failures_max > self._failures_of_others

    @property
    def _failures_of_others(self) -> int:
        """Than of the key that failed most."""
        return sum(self.failures.values()) - max((n for key, n in self.failures.items() if key), default=0)

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

FORGOTTEN = 100
"""So many go at once where there are more."""


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
                self._forget()
            vitals = self._vitals[deployment] = Vitals()
        return vitals

    def _forget(self) -> None:
        """So many at once that the search is no part of a call: such as no call is at, rather those that have answered
        nothing, and of these rather those not left alone."""
        idle = [name for name, vitals in self._vitals.items() if not vitals.in_flight]
        for name in sorted(idle, key=lambda name: self._vitals[name].worth)[:FORGOTTEN]:
            del self._vitals[name]

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

    def states(self) -> dict[str, int]:
        """For a gauge: 1 where one is left alone, else 0. Of those that ever failed."""
        return {name: int(vitals.left_alone) for name, vitals in self._vitals.items() if vitals.error_rate}
