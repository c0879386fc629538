"""The four dialects as callers speak them over a plain connection, and how each of them is told of an error."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60
CAP = 400  # Output tokens that every call allows itself.


@dataclass(frozen=True)
class Tongue:
    """One dialect."""

    name: str
    path: Callable[[str, bool], str]  # Of a model, streamed or not.
    body: Callable[[str, str, bool], dict[str, Any]]  # For a model and a text.
    last: bytes  # In a stream that is all there, and in no part of one.

    def told(self, status: int, body: bytes) -> bool:
        """Whether this is an error that the dialect's clients can read."""
        try:
            said = json.loads(body)
            error = said["error"]
            if self.name == "gemini":
                return error["code"] == status and bool(error["message"]) and bool(error["status"])
            if self.name == "anthropic-messages":
                return said["type"] == "error" and bool(error["type"]) and bool(error["message"])
            return bool(error["message"]) and bool(error["type"])
        except (ValueError, KeyError, TypeError):
            return False

    def told_in_stream(self, stream: bytes) -> bool:
        """Whether a stream ends in an error event, and in nothing after it."""
        event = re.split(rb"(?:\r\n|\n|\r){2}", stream.rstrip(b"\r\n"))[-1]
        named, _, data = event.rpartition(b"data:")
        try:
            said = json.loads(data)
        except ValueError:
            return False
        if self.name in ("anthropic-messages", "openai-responses") and b"event: error" not in named:
            return False
        return isinstance(said.get("error"), dict) and bool(said["error"]["message"])


def _chat(model: str, text: str, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": CAP, "stream": stream}


def _responses(model: str, text: str, stream: bool) -> dict[str, Any]:
    return {"model": model, "input": text, "max_output_tokens": CAP, "stream": stream}


def _gemini(model: str, text: str, stream: bool) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": CAP}}


def _gemini_path(model: str, stream: bool) -> str:
    return f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"


TONGUES = (
    Tongue("openai-chat", lambda *_: "/v1/chat/completions", _chat, b'"finish_reason": "stop"'),
    Tongue("openai-responses", lambda *_: "/v1/responses", _responses, b"event: response.completed"),
    Tongue("anthropic-messages", lambda *_: "/v1/messages", _chat, b'"stop_reason": "end_turn"'),
    Tongue("gemini", _gemini_path, _gemini, b'"finishReason": "STOP"'),
)
BY_NAME = {tongue.name: tongue for tongue in TONGUES}


@dataclass(frozen=True)
class Heard:
    """What came back. `broken`: it did not come to its end in order."""

    status: int
    headers: dict[str, str]  # Names in lower case.
    body: bytes
    broken: bool
    seconds: float

    @property
    def id(self) -> str:
        """By which the gateway knows the call."""
        return self.headers["x-fareway-request-id"]


class Caller:
    """One connection to a gateway, made again where it was closed."""

    def __init__(self, url: str, key: str) -> None:
        self._line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
        self._key = key

    def ask(self, tongue: Tongue, model: str, text: str, *, stream: bool = False, **more: Any) -> Heard:
        """One call, read to its end."""
        body = json.dumps(tongue.body(model, text, stream) | more).encode()
        return self.send("POST", tongue.path(model, stream), body)

    def send(self, method: str, path: str, body: bytes = b"") -> Heard:
        """Any request."""
        begun = time.monotonic()
        self._line.request(method, path, body, {"Authorization": f"Bearer {self._key}"})
        answer = self._line.getresponse()
        broken = False
        try:
            read = answer.read()
        except (http.client.IncompleteRead, ConnectionError) as error:
            read, broken = getattr(error, "partial", b""), True
            self._line.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Heard(answer.status, headers, read, broken, time.monotonic() - begun)

    def held(self) -> bool:
        """Whether anything is set aside on a limit of this key."""
        return any(float(limit["held"]) for limit in json.loads(self.send("GET", "/v1/key").body)["limits"])

    def released_s(self) -> float:
        """How long it takes, from now, until nothing is set aside any more."""
        begun = time.monotonic()
        while self.held():
            assert time.monotonic() < begun + PATIENCE_S, "it is held for ever"
        return time.monotonic() - begun

    def close(self) -> None:
        """Hang up."""
        self._line.close()
