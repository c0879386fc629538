"""The response cache, joined: its memory, the store behind it, and what looks for similar questions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from gateway.cache.answers import Answers
from gateway.cache.embedding import load_embedding
from gateway.cache.exact import ExactCache
from gateway.cache.semantic import Semantic
from gateway.config.settings import Settings
from gateway.core.rating import Rating
from gateway.journey.answered import Kept
from gateway.stores.answers import AnswerStore
from gateway.stores.sqlite_answers import SqliteAnswers
from gateway.telemetry.metrics import Metrics


def kept_answers(settings: Settings, clock: Callable[[], float], stack: AsyncExitStack) -> Answers:
    """What is kept of answers, closed with the stack. Raises OSError or sqlite3.Error for a file that cannot be
    used."""
    cache = settings.cache
    memory = ExactCache(ttl_s=cache.ttl_s, bytes_max=cache.bytes_max)
    store = answer_store(settings, clock) if cache.shared else None
    answers = Answers(memory, store, clock, ttl_s=cache.ttl_s)
    stack.push_async_callback(answers.close)
    return answers


def answer_store(settings: Settings, clock: Callable[[], float]) -> AnswerStore:
    """Where answers outlive a process, and are shared."""
    if settings.shared is None:
        return SqliteAnswers(settings.home / "answers.db", settings.cache.bytes_max, clock)
    from gateway.stores.redis_answers import RedisAnswers  # noqa: PLC0415 - an extra, and only here

    return RedisAnswers(settings.shared, settings.cache.bytes_max, clock)


def each(*listeners: Callable[[Rating], None]) -> Callable[[Rating], None]:
    """All of them hear what somebody says of an answer."""

    def hear(rating: Rating) -> None:
        for listener in listeners:
            listener(rating)

    return hear


def looked_in(settings: Settings, answers: Answers, metrics: Metrics) -> Kept:
    """The same with what looks for similar questions, where that is on, and its figures."""
    cache, chosen = settings.cache, settings.cache.semantic
    if chosen is None:
        return Kept(answers, None, cache.scope, cache.tools)
    semantic = Semantic(
        allowed=chosen.errors,
        verify=chosen.verify,
        questions_max=chosen.questions_max,
        embed=load_embedding(chosen.embed),
    )
    told = "Tenants whose similar questions get kept answers, and tenants whose do not: it is not proven, or not so."
    metrics.gauges.add("fareway_cache_semantic_tenants", told, ["state"], lambda: semantic.states)
    return Kept(answers, semantic, cache.scope, cache.tools)
