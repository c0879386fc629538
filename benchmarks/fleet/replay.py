"""Calls of a trace, sent to engines of ours or to an API, and how long each waits for its first token.

The wait is the time to the first token above what an empty engine of ours would take. The API's times are drawn around
a median of 250 ms with 575 ms at p95, the same for every way to choose (Groq's Llama 70B in early 2026:
https://managedmodels.com/inference/model-serving-latency-benchmarks; the ratio of 2.3 between p95 and median:
https://tokenmix.ai/blog/ai-api-latency-benchmark).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp, log
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from fleet.engines import PAIR_OF_H100, Machine, alone_s
from fleet.gate import Gate, Sent

from gateway.fleet.machine import PATIENCE_MS
from gateway.simulator.engine import Job

ROOT = Path(__file__).parents[2]
FILE = Path(os.environ.get("FAREWAY_SHARED", ROOT.parent / "shared")) / "data/azure/AzureLLMInferenceTrace_conv.csv"
API_MEDIAN_S, API_P95_S, Z95 = 0.25, 0.575, 1.645
LOOKED_AT_EVERY_S = 1.0
"""As the gateway looks at its engines."""


class Row(NamedTuple):
    """One call of the trace."""

    at: float  # Seconds.
    prompt: int  # Tokens.
    output: int


class Result(NamedTuple):
    """What a way to choose came to."""

    hours: float  # That machines were paid for, all together.
    prompt: int  # Tokens of the calls that the API answered,
    output: int  # and what it wrote.
    spilled: float  # The share of these calls.
    p50_wait_s: float
    p95_wait_s: float
    p99_wait_s: float


class Way(Protocol):
    """A way to choose, which hears of what begins and ends."""

    def choose(self, number: int, row: Row, machines: Sequence[Machine]) -> int | None:
        """An engine by its number, or None for the API."""
        ...

    def began(self, job: Job) -> None:
        """Its first token came."""
        ...

    def ended(self, job: Job) -> None:
        """Its last token came."""
        ...


class Blind:
    """In turn. None is the API."""

    def __init__(self, *places: int | None) -> None:
        self._places = places

    def choose(self, number: int, _row: Row, _machines: Sequence[Machine]) -> int | None:
        """See Way."""
        return self._places[number % len(self._places)]

    def began(self, job: Job) -> None:
        """See Way."""

    ended = began


class Ours:
    """The gateway's: it sees bodies, first tokens, ends, and every second the engines' metrics."""

    def __init__(self, engines: int, *, patience_s: float = PATIENCE_MS / 1000) -> None:
        self._gate = Gate(engines, "policies.cheapest", patience_s)
        self._sent: dict[str, Sent] = {}
        self._looked = 0.0

    def choose(self, number: int, row: Row, machines: Sequence[Machine]) -> int | None:
        """See Way."""
        self._gate.now = row.at
        if row.at >= self._looked + LOOKED_AT_EVERY_S:
            self._looked = row.at
            for place, machine in enumerate(machines):
                self._gate.saw(place, machine.load(row.at))
        place, sent = self._gate.send(number, _body(row))
        if place is None:  # What becomes of it at the API tells nothing about engines.
            self._gate.ended(sent, row.output)
        else:
            self._sent[str(number)] = sent
        return place

    def began(self, job: Job) -> None:
        """See Way."""
        self._gate.now = job.first_token or 0.0
        self._gate.began(self._sent[job.id], job.prompt_tokens)

    def ended(self, job: Job) -> None:
        """See Way."""
        self._gate.now = job.ended or 0.0
        self._gate.ended(self._sent.pop(job.id), job.output_tokens)


@dataclass
class Sheet:
    """What is written down of the calls that count."""

    since: float
    prompt: int = 0
    output: int = 0
    spilled: int = 0

    def __post_init__(self) -> None:
        """Nothing has waited yet."""
        self._waits: list[float] = []

    def at_api(self, row: Row, first_s: float) -> None:
        """A call that went to the API."""
        if row.at >= self.since:
            self.prompt, self.output, self.spilled = (
                self.prompt + row.prompt,
                self.output + row.output,
                self.spilled + 1,
            )
            self._waits.append(max(0.0, first_s - alone_s(row.prompt, PAIR_OF_H100)))

    def at_home(self, job: Job) -> None:
        """One that an engine of ours has answered."""
        if job.arrived >= self.since:
            waited = (job.first_token or 0.0) - job.arrived
            self._waits.append(waited - alone_s(job.prompt_tokens, PAIR_OF_H100))

    def result(self, hours: float) -> Result:
        """All of it."""
        waits = sorted(self._waits)
        p50, p95, p99 = [round(waits[int(share * len(waits))], 4) for share in (0.5, 0.95, 0.99)]
        return Result(hours, self.prompt, self.output, self.spilled / len(waits), p50, p95, p99)


def run(trace: Sequence[Row], engines: int, way: Way, since: float = 0.0) -> Result:
    """The trace, answered. Figures of what came `since`; machines are paid for until the last answer."""
    machines = [Machine(PAIR_OF_H100, way.began, way.ended) for _ in range(engines)]
    random, sheet, jobs = Random(7), Sheet(since), []
    for number, row in enumerate(trace):
        for machine in machines:
            machine.run_to(row.at)
        first_s = API_MEDIAN_S * exp(random.gauss(0, 1) * log(API_P95_S / API_MEDIAN_S) / Z95)
        place = way.choose(number, row, machines)
        if place is None:
            sheet.at_api(row, first_s)
        else:
            jobs.append(Job(str(number), row.prompt, row.output))
            machines[place].take(jobs[-1], row.at)
    for machine in machines:
        machine.finish()
    for job in jobs:
        sheet.at_home(job)
    end = max([trace[-1].at, *(job.ended or 0.0 for job in jobs)])
    return sheet.result(engines * (end - since) / 3600 if jobs else 0.0)


def read(load: float) -> list[Row]:
    """The trace, so many times as fast."""
    with FILE.open(newline="") as lines:
        told = [(datetime.fromisoformat(r["TIMESTAMP"][:26]), r) for r in csv.DictReader(lines)]
    start = told[0][0]
    return [
        Row((at - start).total_seconds() / load, int(r["ContextTokens"]), int(r["GeneratedTokens"])) for at, r in told
    ]


def _body(row: Row) -> bytes:
    said = (b"word " * row.prompt)[: 4 * row.prompt]
    return b'{"model":"m","stream":true,"messages":[{"role":"user","content":"%b"}]}' % said
