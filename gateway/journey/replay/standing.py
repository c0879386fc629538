"""How each deployment was doing at any moment, as far as entries of the ledger show it."""

from __future__ import annotations

import re
from functools import partial

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.journey.replay.timeline import Timeline
from gateway.journey.telling import learned
from gateway.tokens.outputs import Outputs
from gateway.upstream.health import Health
from gateway.upstream.retry import says_unwell

SILENT = NO_CALLS | {Outcome.CACHED, Outcome.PENDING}
"""Entries that say nothing about how soon a deployment answers."""

_TRIED = re.compile(r"(?P<name>\S+): (?:status (?P<status>\d+)|not reached|redirected)")
"""An attempt that was not charged, as a later entry of its request tells of it."""


class Standing:
    """Tells it to `health`, and how long answers were to `outputs`, in the order in which it was known."""

    def __init__(self, timeline: Timeline, health: Health, outputs: Outputs) -> None:
        self._timeline = timeline
        self._health = health
        self._outputs = outputs

    def see(self, entry: Entry) -> None:
        """This attempt leaves now."""
        if entry.outcome in SILENT:
            return
        for words in entry.attempts:
            tried = _TRIED.fullmatch(words)
            if tried is not None and (tried["status"] is None or says_unwell(int(tried["status"]))):
                self._health.failed(tried["name"], self._timeline.now, entry.caller.key_id)
        probe = self._health.of(entry.deployment).begin(self._timeline.now, entry.caller.key_id)
        ended = partial(self._ended, entry, probe=probe)
        self._timeline.at(entry.at + entry.duration_ms / 1000, ended)

    def _ended(self, entry: Entry, *, probe: bool) -> None:
        name, now = entry.deployment, self._timeline.now
        self._health.of(name).leave(probe)
        if entry.outcome is Outcome.FAILED:
            self._health.failed(name, now, entry.caller.key_id)
        learned(self._health, entry, now)
        if entry.outcome is Outcome.OK and entry.usage.final and entry.usage.output_total:
            self._outputs.learn(entry.caller.key_id, entry.group, entry.usage.output_total)
