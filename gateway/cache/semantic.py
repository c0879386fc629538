"""Answers to similar questions: found, proven on the way, and given only while that is proven.

    similar to one that is kept ─▶ its level is proven ─▶ given, but for a share that is asked anyway
                                 └▶ not proven ─────────▶ asked anyway
                                                            └▶ both answers compared: evidence for the tenant

All of it is this process's own and in memory: a process that starts has everything to prove again. What is kept here
are questions as weights of words; the answers are where exact ones are.
"""

from __future__ import annotations

import logging
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from gateway.cache.agreement import same_answer
from gateway.cache.asking import Question
from gateway.cache.embedding import Embed
from gateway.cache.evidence import LEVELS, Evidence
from gateway.cache.lexical import embed, marks
from gateway.cache.nearest import Asked, Near, Nearest

TENANTS_MAX = 10_000
"""Whose evidence is remembered. Of more, those that were heard of longest ago begin anew."""

GIVEN_MAX = 10_000
"""Answers given for similar questions that somebody may still say something about."""

log = logging.getLogger("fareway.cache")


class Candidate(NamedTuple):
    """An earlier question that may have the same answer."""

    near: Near
    given: bool  # Whether its answer is given.
    chosen: bool  # Whether it is among those that are asked whatever is proven.


class Semantic:
    """See the module. `allowed`: the share of given answers that may be wrong. `verify`: the share of hits that is
    asked anyway. `questions_max`: over all tenants."""

    def __init__(self, *, allowed: float, verify: float, questions_max: int, embed: Embed = embed) -> None:
        self._allowed = allowed
        self._verify = verify
        self._questions_max = questions_max
        self._embed = embed
        self._indexes: dict[bytes, Nearest] = {}  # By what is around a question.
        self._names: OrderedDict[bytes, bytes] = OrderedDict()  # Question -> what is around it, oldest first.
        self._evidence: OrderedDict[str, Evidence] = OrderedDict()  # By tenant.
        self._given: OrderedDict[str, tuple[str, Near]] = OrderedDict()  # By request id: whose it was, and what.

    def asked(self, question: Question) -> Asked:
        """The question as it is compared."""
        return Asked(self._embed(question.text), marks(question.text))

    def find(self, tenant: str, question: Question, asked: Asked, request_id: str) -> Candidate | None:
        """The question most like it that has nothing else around it, and what to do about it."""
        index = self._indexes.get(question.around)
        near = index.find(asked, LEVELS[-1]) if index is not None else None
        if near is None:
            return None
        chosen = zlib.crc32(request_id.encode()) < self._verify * 2**32
        return Candidate(near, self._of(tenant).serves(near.score) and not chosen, chosen)

    def add(self, name: bytes, question: Question, asked: Asked) -> None:
        """An answer to it is kept under that name."""
        self.drop(name)
        self._indexes.setdefault(question.around, Nearest()).add(name, asked)
        self._names[name] = question.around
        while len(self._names) > self._questions_max:
            self.drop(next(iter(self._names)))

    def drop(self, name: bytes) -> None:
        """The answer to it is gone."""
        around = self._names.pop(name, None)
        if around is not None:
            index = self._indexes[around]
            index.drop(name)
            if not len(index):
                del self._indexes[around]

    def give(self, tenant: str, near: Near, request_id: str) -> None:
        """Its answer was given to this request."""
        self._given[request_id] = (tenant, near)
        if len(self._given) > GIVEN_MAX:
            self._given.popitem(last=False)

    def compare(self, tenant: str, found: Candidate, kept: str, new: str) -> None:
        """The question was asked anyway: what was kept, and what came."""
        self._saw(tenant, found.near, good=same_answer(kept, new), chosen=found.chosen)

    def judge(self, request_id: str, *, good: bool) -> None:
        """Somebody says whether the answer to this request was right. Only what was wrong counts: who complains was not
        chosen at random, and who does not may not have looked."""
        given = self._given.pop(request_id, None)
        if given is not None and not good:
            tenant, near = given
            self.drop(near.name)
            self._saw(tenant, near, good=False, chosen=True)

    @property
    def states(self) -> Mapping[tuple[str, ...], float]:
        """How many tenants get answers to similar questions, and how many do not: for a gauge."""
        serving = sum(evidence.threshold is not None for evidence in self._evidence.values())
        return {("serving",): float(serving), ("withheld",): float(len(self._evidence) - serving)}

    def _saw(self, tenant: str, near: Near, *, good: bool, chosen: bool) -> None:
        evidence = self._of(tenant)
        before = evidence.threshold
        evidence.saw(near.score, good=good, chosen=chosen)
        if evidence.threshold != before:
            self._tell(tenant, evidence)

    def _of(self, tenant: str) -> Evidence:
        evidence = self._evidence.get(tenant)
        if evidence is None:
            evidence = self._evidence[tenant] = Evidence(self._allowed)
            if len(self._evidence) > TENANTS_MAX:
                self._evidence.popitem(last=False)
        self._evidence.move_to_end(tenant)
        return evidence

    def _tell(self, tenant: str, evidence: Evidence) -> None:
        allowed = f"{self._allowed:.1%}"
        if evidence.threshold is None:
            doubt = f"{evidence.bound():.1%}"
            log.warning(
                "%s: similar questions get no kept answers any more: up to %s of them may be wrong, and %s are allowed",
                *(tenant, doubt, allowed),
            )
        else:
            doubt = f"{evidence.bound(LEVELS.index(evidence.threshold)):.1%}"
            log.info(
                "%s: questions alike by %s get kept answers: at most %s of them are wrong, and %s are allowed",
                *(tenant, evidence.threshold, doubt, allowed),
            )
