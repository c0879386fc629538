"""A provider that costs next to nothing: whole answers at once, streams chunk by chunk on one clock."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import ClassVar

import httptools
import uvloop
from workloads import CHAT_ANSWER, CHUNKS, EMBEDDINGS_ANSWER


def _chunk(**more: object) -> bytes:
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": "gpt-4o-mini"} | more
    return _framed(b"data: %b\n\n" % json.dumps(said, separators=(",", ":")).encode())


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
_WORD = _chunk(choices=[{"index": 0, "delta": {"content": " hello"}, "logprobs": None, "finish_reason": None}])
_USAGE = _chunk(choices=[], usage={"prompt_tokens": 19, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 19})
_FINISH = _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
_DONE = _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_ANSWERS = {b"/v1/chat/completions": _answer(CHAT_ANSWER), b"/v1/embeddings": _answer(EMBEDDINGS_ANSWER)}
_MODELS = _answer(b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model"}]}')


class Caller(asyncio.Protocol):
    """One connection; one call at a time."""

    streaming: ClassVar[set[Caller]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.left = 0

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.streaming.discard(self)

    def on_message_begin(self) -> None:
        self.path, self.head = b"", b""

    def on_url(self, part: bytes) -> None:
        self.path += part

    def on_body(self, part: bytes) -> None:
        self.head = self.head or part

    def on_message_complete(self) -> None:
        if b'"stream":true' in self.head or b'"stream": true' in self.head:
            self.usage = b'"include_usage":true' in self.head or b'"include_usage": true' in self.head
            self.left = CHUNKS
            self.transport.write(_STREAM)
            self.streaming.add(self)
        else:
            self.transport.write(_ANSWERS.get(self.path, _MODELS))

    def tick(self) -> None:
        if self.left:
            self.left -= 1
            self.transport.write(_WORD)
        else:
            self.streaming.discard(self)
            self.transport.write(_FINISH + (_USAGE if self.usage else b"") + _DONE)


async def main(port: int, every_s: float) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Caller, "127.0.0.1", port, backlog=4096)
    due = loop.time()
    while True:
        due = max(due + every_s, loop.time())
        await asyncio.sleep(due - loop.time())
        for caller in list(Caller.streaming):
            caller.tick()


uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
