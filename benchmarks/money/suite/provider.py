"""A provider that bills: OpenAI's chat dialect, streamed and not, at a steady pace, and its own bill of every call.

    python provider.py PORT BILL TOKENS_PER_S WHOLE_S

It makes tokens by the clock, whether or not anybody reads, and each costs. A stream that is aborted costs what was made
until it noticed; an answer in one piece costs all of it, as the caller's leaving stops nothing there. The bill's lines
are written before the last byte leaves.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import IO

import httptools
import uvloop
from calls import MODEL, OVERHEAD, picos_of

EVERY_S = 0.02
"""Between two pieces of a stream."""

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def _event(**more: object) -> bytes:
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": MODEL} | more
    return b"data: %b\n\n" % json.dumps(said, separators=(",", ":")).encode()


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(given: int, made: int) -> dict[str, int]:
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


class Provider:
    """What all connections share."""

    def __init__(self, bill: IO[bytes], tokens_per_s: float, whole_s: float) -> None:
        self.bill = bill
        self.tokens_per_s = tokens_per_s
        self.whole_s = whole_s


class Connection(asyncio.Protocol):
    """One call at a time."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._open = False  # A call is being answered.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._open:
            self._charge(self._due if self._streams else self._to_make, "aborted")

    def on_message_begin(self) -> None:
        self._body, self._request = b"", ""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-fareway-request-id":
            self._request = value.decode()

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        if not self._body:  # A look at the models, or at nothing.
            body = b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model"}]}'
            self._transport.write(_JSON % (len(body), body))
            return
        asked = json.loads(self._body)
        self._call, words, made = asked["user"].split("/")
        self._given, self._to_make = int(words) + OVERHEAD, min(int(made), asked["max_tokens"])
        self._streams = bool(asked.get("stream"))
        self._wants_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._began, self._sent, self._open = time.time(), 0, True
        if self._streams:
            self._transport.write(_STREAM)
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._tick)
        else:
            self._timer = asyncio.get_running_loop().call_later(self._provider.whole_s, self._whole)

    @property
    def _due(self) -> int:
        """Tokens made by now."""
        return min(self._to_make, int((time.time() - self._began) * self._provider.tokens_per_s))

    def _tick(self) -> None:
        due = self._due
        if due > self._sent:
            delta = {"content": " hello" * (due - self._sent)}
            self._transport.write(_framed(_event(choices=[{"index": 0, "delta": delta, "finish_reason": None}])))
            self._sent = due
        if due < self._to_make:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._tick)
            return
        self._charge(self._to_make, "whole")
        end = _event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if self._wants_usage:
            end += _event(choices=[], usage=_usage(self._given, self._to_make))
        self._transport.write(_framed(end + b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def _whole(self) -> None:
        self._charge(self._to_make, "whole")
        message = {"role": "assistant", "content": " hello" * self._to_make}
        said = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1741569952,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _usage(self._given, self._to_make),
        }
        body = json.dumps(said, separators=(",", ":")).encode()
        self._transport.write(_JSON % (len(body), body))

    def _charge(self, made: int, ended: str) -> None:
        self._open = False
        line = {
            "call": self._call,
            "request": self._request,
            "began": self._began,
            "ended": time.time(),
            "given": self._given,
            "made": made,
            "picos": picos_of(self._given, made),
            "how": ended,
        }
        self._provider.bill.write(json.dumps(line).encode() + b"\n")


async def main(port: int, bill: Path, tokens_per_s: float, whole_s: float) -> None:
    with bill.open("ab", buffering=0) as file:
        provider = Provider(file, tokens_per_s, whole_s)
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(provider), "127.0.0.1", port, backlog=4096
        )
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
