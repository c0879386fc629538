"""Counts made with a tokenizer, in threads, because a megabyte takes half a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from gateway.core.request import Countable
from gateway.tokens import bpe
from gateway.tokens.bounds import JSON_TOKENS, MESSAGE_TOKENS, attachments, ceiling, size
from gateway.tokens.families import Family, family_of
from gateway.tokens.foreign import weigher
from gateway.tokens.tools import rendered

TOOLS_MARGIN_PERCENT = 125  # The worst recorded error of the rendering is 24 %.

log = logging.getLogger(__name__)


class Tokens:
    """Counts tokens off the event loop, in `threads` threads. Vocabularies load when first needed.

    A count that takes longer than `timeout_s`, or that fails, is answered with a bound instead.
    """

    def __init__(self, threads: int = 2, timeout_s: float = 2.0) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tokens")
        self._timeout_s = timeout_s
        self._loading: set[str] = set()  # Vocabularies that somebody was told are not at hand.

    async def count(self, countable: Countable, model: str) -> int:
        """Input tokens at `model`: OpenAI's own formula for its models, for others as many as were recorded at most.

        `countable.texts` holds contents and names but no roles: a role is one token each.
        """
        return await self._count(countable, model, proof=False)

    async def most(self, countable: Countable, model: str) -> int:
        """The same, never less than the truth: what may be held in the place of a bound (`foreign.py` says how far)."""
        return await self._count(countable, model, proof=True)

    async def count_text(self, text: str, model: str) -> int:
        """Tokens of a plain text at `model`, such as an answer, or the part of it that has come."""
        family, most = family_of(model), size(text)
        return min(most, await self._apart(partial(_said, (text,), family, proof=False), otherwise=most))

    def ready(self, model: str) -> bool:
        """Whether the vocabulary of the model is at hand; if not, it is from soon on."""
        name = family_of(model).encoding
        if bpe.loaded(name):
            return True
        if name not in self._loading:
            self._loading.add(name)
            self._threads.submit(bpe.encoding, name)
        return False

    def close(self) -> None:
        """Take no more work. A thread that is still counting finishes by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _count(self, countable: Countable, model: str, *, proof: bool) -> int:
        family = family_of(model)
        most = ceiling(countable, family)
        return min(most, await self._apart(partial(count_now, countable, family, proof=proof), otherwise=most))

    async def _apart(self, work: Callable[[], int], *, otherwise: int) -> int:
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, work), self._timeout_s)
        except TimeoutError:
            return otherwise
        except (OSError, ValueError) as error:
            log.warning("counting tokens failed, using the bound of bytes: %s", error)
            return otherwise


def count_now(countable: Countable, family: Family, *, proof: bool = False) -> int:
    """The count itself; blocks."""
    text = _said((*countable.texts, countable.schema), family, proof=proof) + countable.unread
    messages = countable.messages * MESSAGE_TOKENS + countable.names + (family.priming if countable.messages else 0)
    template = (family.template if countable.messages else 0) + (JSON_TOKENS if countable.schema else 0)
    tools = _tools(countable.tools, family, proof=proof) + countable.defined
    return text + messages + template + tools + attachments(countable, family)


def _tools(tools: str, family: Family, *, proof: bool) -> int:
    if not tools:
        return 0
    if family.openai:
        vocabulary = bpe.encoding(family.encoding)
        return _percent(bpe.count((rendered(tools),), vocabulary), TOOLS_MARGIN_PERCENT) + family.tools
    return _said((tools,), family, proof=proof) + family.tools


def _said(texts: tuple[str, ...], family: Family, *, proof: bool) -> int:
    vocabulary = bpe.encoding(family.encoding)
    weigh = len if family.openai else weigher(vocabulary, family.percent, proof=proof)
    return bpe.count(texts, vocabulary, weigh)


def _percent(tokens: int, percent: int) -> int:
    """Scaled and rounded up."""
    return -(-tokens * percent // 100)
