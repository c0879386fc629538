"""What is so, whatever replicas and store believe; and what must never happen."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from math import inf

CALM_S = 1.5
"""So long after the last fault a refusal may still come of it."""

LATE_S = 1.0
"""So long a refusal may come after money was given back, two syncs and a slow exchange included."""


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(eq=False)
class Wait:
    """A call that has asked for a hold and has no answer yet, or had it at `end`."""

    start: float
    needs: dict[str, int] = field(default_factory=dict)
    end: float = inf


class Truth:
    """`amounts`: what each living replica's configuration says, by limit. Amounts are booked and held together, by
    record; those of the dead too, until all is over."""

    def __init__(self, clock):
        self.clock = clock
        self.amounts: dict[str, dict[str, int]] = {}
        self.before: defaultdict[str, Counter] = defaultdict(Counter)  # The same of processes that died, by replica.
        self.used: defaultdict[str, Counter] = defaultdict(Counter)
        self.total: Counter = Counter()
        self.binding: dict[str, float] = {}  # Records of hard limits, and when their windows end.
        self.forgotten: Counter = Counter()  # Of each record, what the store was not told again after a loss.
        self.trouble_until = -inf
        self.found: list[Violation] = []
        self.checks = self.holds = self.refusals = self.judged = 0
        self._was: defaultdict[str, deque] = defaultdict(deque)
        self._waits: deque[Wait] = deque()

    def broken(self, what):
        """Remember and raise it, wherever it is noticed."""
        self.found.append(Violation(f"at {self.clock():.3f} s: {what}"))
        raise self.found[-1]

    def trouble(self, seconds=0.0):
        """A fault begins, and lasts so long."""
        self.trouble_until = max(self.trouble_until, self.clock() + seconds)

    def allowed(self, account):
        """The most that any living replica's configuration lets be used, or that of a dead process that has used some
        of it: others still have what they had leased beside that."""
        of_the_dead = [self.before[name] for name, used in self.used[account.id].items() if used]
        return max((limits.get(account.limit.id, 0) for limits in (*self.amounts.values(), *of_the_dead)), default=0)

    def died(self, replica):
        """A process of this name."""
        self.before[replica] |= Counter(self.amounts.pop(replica, {}))

    def add(self, replica, account, amount):
        """So much more is held or spent. Every hold comes by here."""
        if not amount:
            return
        record = account.id
        self._note(record)
        self.used[record][replica] += amount
        self.total[record] += amount
        self._note(record)
        self.checks += 1
        if account.hard:
            self.binding[record] = account.window.end
        if amount > 0 and account.hard:
            most = self.allowed(account) + self.forgotten[record]
            if self.total[record] > most:
                self.broken(f"{record}: {self.total[record]} of {most} are used, by {dict(self.used[record])}")
            if account.needed > account.leased:
                self.broken(f"{record}: {replica} needs {account.needed} and has leased {account.leased}")

    def ends(self, replica, account, amount):
        """A call in flight died with its process, and counts no more."""
        self._note(account.id)
        self.used[account.id][replica] -= amount
        self.total[account.id] -= amount
        self._note(account.id)

    def _note(self, record):
        past, now = self._was[record], self.clock()
        past.append((now, self.total[record]))
        while past[0][0] < now - 5:
            past.popleft()

    def waits(self, accounts, amounts):
        """A call asks for these amounts."""
        wait = Wait(self.clock(), {a.id: n for a, n in zip(accounts, amounts, strict=True) if n and a.hard})
        while self._waits and self._waits[0].end < wait.start - 5:
            self._waits.popleft()
        self._waits.append(wait)
        return wait

    def refused(self, wait, accounts, stranded):
        """Wrong, if nothing has been the matter for a while and every amount was free all the time, even had all who
        asked meanwhile got theirs. `stranded`: what the dead have leased, by record."""
        self.refusals += 1
        if wait.start - CALM_S < self.trouble_until:
            return
        since = wait.start - LATE_S
        rivals = [w for w in self._waits if w is not wait and w.end >= since]
        for account in accounts:
            record, need = account.id, wait.needs.get(account.id, 0)
            if not need:
                continue
            least = min((limits[account.limit.id] for limits in self.amounts.values()), default=0)
            taken = self._most(record, since) + sum(w.needs.get(record, 0) for w in rivals) + stranded(record)
            if need > least - taken:
                self.judged += 1
                return
        self.broken(f"refused, though all was free since {since:.3f} s: {wait.needs}")

    def _most(self, record, since):
        past = self._was[record]
        before = [amount for at, amount in past if at < since]
        return max([*before[-1:], *(amount for at, amount in past if at >= since)], default=self.total[record])
