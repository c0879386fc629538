"""Gemini's `generateContent` and `streamGenerateContent`: a whole answer, the chunks of a stream; and `countTokens`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from aiohttp import web

from gateway.simulator.answers import Choice
from gateway.simulator.calls import PROVIDER
from gateway.simulator.errors import IN_STREAM, google_error, understanding
from gateway.simulator.gemini_request import SEAL, Counted, read_either, signs
from gateway.simulator.said import EVENTS, Said, event
from gateway.simulator.seals import seal

COUNTERS = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
_REASONS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}

Part = dict[str, Any]


async def count_tokens(request: web.Request) -> web.Response:
    """What a prompt would be charged as. Counting costs nothing."""
    provider = request.app[PROVIDER]
    model = request.match_info["model"]
    provider.rates(model)
    body = await request.read()
    with understanding():
        countable = read_either(Counted, body).prompt.countable
    tokens = await provider.tokens.count(countable, model)
    return web.json_response({"totalTokens": tokens, "promptTokensDetails": [_of_text(tokens)]})


class Shape:
    """See `said.Shape`. All chunks tell what was used so far."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._array = said.asked.array
        self.content_type = "application/json; charset=UTF-8" if self._array else EVENTS
        self._shown = said.silent * len(said.answer.choices)  # Tokens that are told of.
        self._chunks = 0

    def whole(self) -> dict[str, Any]:
        """The answer."""
        candidates = [
            _candidate(index, _joined(filter(None, (*self._parts(choice), self._last(choice)))), choice)
            for index, choice in enumerate(self._said.answer.choices)
        ]
        self._shown = self._said.answer.tokens
        return self._answer(candidates)

    def opening(self) -> bytes:
        """Nothing but the bracket of an array."""
        return b"[" if self._array else b""

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Each visible token as one chunk, but a call of a function only once it is complete; choices take turns."""
        said = self._said
        parts = (self._parts(choice) for choice in said.answer.choices)
        for tick, together in enumerate(zip_longest(*parts), said.silent):
            for index, part in enumerate(together):
                if part is not None:
                    self._shown += 1
                    yield tick, self._chunk(self._answer([_candidate(index, [part])])) if part else b""

    def ending(self) -> bytes:
        """Why each choice ends."""
        self._shown = self._said.answer.tokens
        choices = enumerate(self._said.answer.choices)
        ends = [
            self._answer([_candidate(index, [self._last(choice) or {"text": ""}], choice)]) for index, choice in choices
        ]
        return b"".join(map(self._chunk, ends)) + (b"]" if self._array else b"")

    def failure(self) -> bytes:
        """An error."""
        return self._chunk(google_error(IN_STREAM, 500)) + (b"]" if self._array else b"")

    def _parts(self, choice: Choice) -> Iterator[Part]:
        """What each visible token adds; empty where that is to be seen only with the next."""
        if self._said.shows_thought:
            yield from ({"text": piece, "thought": True} for piece in self._said.answer.thought)
        yield from ({"text": piece} for piece in choice.pieces)
        for number, call in enumerate(choice.calls):
            yield from ({} for _ in call.pieces)  # All but the last of its tokens, the name being one of them.
            try:
                made: Part = {"functionCall": {"name": call.name, "args": json.loads(call.text)}}
            except ValueError:  # The cap has cut it.
                made = {}
            signed = made and number == 0 and (self._said.answer.thought or signs(self._said.asked.model))
            yield made | ({"thoughtSignature": seal(SEAL)} if signed else {})

    def _last(self, choice: Choice) -> Part:
        """The signature, on an empty text, where there is no call that has it."""
        signed = self._said.answer.thought and not choice.calls
        return {"text": "", "thoughtSignature": seal(SEAL)} if signed else {}

    def _answer(self, candidates: list[Part]) -> dict[str, Any]:
        body = {
            "candidates": candidates,
            "modelVersion": self._said.asked.model,
            "responseId": self._said.id,
        }
        usage = self._said.usage(self._usage(), COUNTERS)
        return body if usage is None else body | {"usageMetadata": usage}

    def _usage(self) -> dict[str, Any]:
        """Running totals: thoughts first, then what is to be seen."""
        prompt, answer = self._said.prompt, self._said.answer
        thoughts = min(self._shown, answer.reasoning_tokens)
        usage = {
            "promptTokenCount": prompt.tokens,
            "candidatesTokenCount": self._shown - thoughts,
            "totalTokenCount": prompt.tokens + self._shown,
            "promptTokensDetails": [_of_text(prompt.tokens)],
        }
        if prompt.cached:
            usage |= {"cachedContentTokenCount": prompt.cached, "cacheTokensDetails": [_of_text(prompt.cached)]}
        return usage | {"thoughtsTokenCount": thoughts} if thoughts else usage

    def _chunk(self, data: dict[str, Any]) -> bytes:
        self._chunks += 1
        if not self._array:
            return event(data)
        return (b"" if self._chunks == 1 else b",\r\n") + json.dumps(data).encode()


def _candidate(index: int, parts: list[Part], ended: Choice | None = None) -> dict[str, Any]:
    candidate = {"content": {"parts": parts, "role": "model"}, "index": index}
    return candidate | {"finishReason": _REASONS[ended.finish]} if ended else candidate


def _joined(parts: Iterator[Part]) -> list[Part]:
    """Texts that follow each other as one."""
    joined: list[Part] = []
    for part in parts:
        if joined and "text" in part and "text" in joined[-1] and part.get("thought") == joined[-1].get("thought"):
            joined[-1] = joined[-1] | part | {"text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    return joined


def _of_text(tokens: int) -> dict[str, Any]:
    return {"modality": "TEXT", "tokenCount": tokens}
