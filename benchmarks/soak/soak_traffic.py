"""Calls of many tenants in every dialect: streamed and whole, asked again, cut, refused, and left by their callers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

DIALECTS = ("chat", "responses", "messages", "gemini", "embeddings")
MODELS = ("sim-large", "sim-medium", "sim-small")
QUESTIONS = 20
"""Of those that are asked again and again, with the response cache on."""

PATIENCE = aiohttp.ClientTimeout(total=60)
"""Longer than any answer may take. Who waits for so long has met a call that hangs."""

Where = Callable[[], str]
"""The address of a gateway that takes calls now."""

Excused = Callable[[float, int | None], bool]
"""Whether a call may fail so: begun then, by the event loop's clock, with this status; None: its connection broke."""

KNOWN = {"plain": 70, "kept": 10, "long": 4, "failing": 1, "again": 2, "refused": 4}
UNKNOWN = {"left": 4, "cut": 1, "broken": 1, "unsaid": 1, "nonsense": 1}
"""What nobody but the provider knows the cost of: the answer has no usage, or no end, or is none."""

ORDERS = {
    "failing": "fail=500",
    "again": "fail_first=1",
    "nonsense": "garbage",
    "left": "tokens=300 tps=100",
    "cut": "tokens=60 cut=20",
    "broken": "tokens=60 error_after=20",
    "unsaid": "nousage",
}
ANSWERED = frozenset({"plain", "kept", "long", "again", "unsaid"})
"""What must be answered with 200 unless the tenant has no money left."""

REFUSALS = frozenset({400, 402, 404, 429})


@dataclass(frozen=True, slots=True)
class Kind:
    """What one call is like."""

    dialect: str
    what: str  # One of KNOWN or UNKNOWN.
    stream: bool


@dataclass
class Seen:
    """What callers were told."""

    calls: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)  # What failed while something was the matter.
    errors: list[str] = field(default_factory=list)  # What should not have been.


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who calls."""

    token: str
    poor: bool = False  # Its limit is soon used up.


def nothing_excused(begun: float, status: int | None) -> bool:
    """Nothing is the matter."""
    del begun, status
    return False


async def traffic(
    where: Where,
    tenants: Sequence[Tenant],
    kinds: dict[str, int],
    dice: random.Random,
    *,
    seconds: float,
    a_second: float,
    excused: Excused = nothing_excused,
) -> Seen:
    """At most so many calls a second for so long, by one caller for each tenant."""
    seen, loop = Seen(), asyncio.get_running_loop()
    begun = loop.time()
    pause_s = len(tenants) / a_second

    async def caller(tenant: Tenant, late_s: float) -> None:
        await asyncio.sleep(late_s)
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as session:
            while (asked_at := loop.time()) < begun + seconds:
                kind = _drawn(kinds, dice)
                path, body = _asked(kind, dice)
                status, trouble = await _call(session, (where() + path, body), tenant, kind, seen)
                if trouble and excused(asked_at, status):
                    seen.excused[str(status or "lost")] += 1
                elif trouble:
                    seen.errors.append(f"{asked_at - begun:.1f} s: {kind}: {trouble}")
                    print(f"error: {seen.errors[-1]}", flush=True)
                await asyncio.sleep(max(0.0, asked_at + pause_s - loop.time()))

    late = [pause_s * place / len(tenants) for place in range(len(tenants))]
    await asyncio.gather(*(caller(tenant, late_s) for tenant, late_s in zip(tenants, late, strict=True)))
    return seen


def _drawn(kinds: dict[str, int], dice: random.Random) -> Kind:
    (what,) = dice.choices(list(kinds), list(kinds.values()))
    streams = what in ("left", "cut", "broken")
    dialect = dice.choice([one for one in DIALECTS if not (streams and one == "embeddings")])
    return Kind(dialect, what, stream=dialect != "embeddings" and (streams or dice.random() < 0.5))


async def _call(
    session: aiohttp.ClientSession, asked: tuple[str, Any], tenant: Tenant, kind: Kind, seen: Seen
) -> tuple[int | None, str]:
    """The status, None where there was none, and what was wrong; empty where all was as it should be."""
    url, body = asked
    headers = {"Authorization": f"Bearer {tenant.token}"}
    if kind.what == "kept":
        headers["x-fareway-cache"] = "use"
    seen.calls += 1
    seen.kinds[kind.what] += 1
    try:
        async with session.post(url, json=body, headers=headers) as answer:
            seen.statuses[answer.status] += 1
            if kind.what == "left" and answer.status == 200:
                await answer.content.readany()
                answer.close()
                return answer.status, ""
            said = await answer.read()
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        return None, "" if kind.what == "cut" else f"{type(error).__name__}: {error}"
    wrong = not _expected(kind, tenant, answer.status) or b"internal_error" in said
    return answer.status, f"{answer.status}: {said[:300]!r}" if wrong else ""


def _expected(kind: Kind, tenant: Tenant, status: int) -> bool:
    if kind.what == "refused" or (tenant.poor and status in REFUSALS):
        return status in REFUSALS
    return status == 200 or kind.what not in ANSWERED


def _asked(kind: Kind, dice: random.Random) -> tuple[str, Any]:
    """A path and a body."""
    model = "no-such-model" if kind.what == "refused" else dice.choice(MODELS)
    if kind.dialect == "embeddings":
        return "/v1/embeddings", {"model": "sim-embed" if model in MODELS else model, "input": _text(kind, dice)}
    return _FORMS[kind.dialect](model, _text(kind, dice), kind.stream)


def _text(kind: Kind, dice: random.Random) -> str:
    if kind.what == "kept":
        return f"Question {dice.randrange(QUESTIONS)}: how far is it?"
    words = 2000 if kind.what == "long" else dice.randrange(1, 200)
    return f"{'word ' * words}{dice.randrange(10**9)} [[sim: {ORDERS.get(kind.what, 'tokens=20')}]]"


def _chat(model: str, text: str, stream: bool) -> tuple[str, Any]:
    usage = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return "/v1/chat/completions", {"model": model, "messages": _said(text), "max_tokens": 400} | usage


def _responses(model: str, text: str, stream: bool) -> tuple[str, Any]:
    return "/v1/responses", {"model": model, "input": text, "stream": stream, "max_output_tokens": 400}


def _messages(model: str, text: str, stream: bool) -> tuple[str, Any]:
    return "/v1/messages", {"model": model, "messages": _said(text), "stream": stream, "max_tokens": 400}


def _gemini(model: str, text: str, stream: bool) -> tuple[str, Any]:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": 400}}
    return f"/v1beta/models/{model}:{verb}", body


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


_FORMS: dict[str, Callable[[str, str, bool], tuple[str, Any]]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "gemini": _gemini,
}
