"""A provider that answers every request with the same bytes, whatever they are, and remembers what it heard."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from threading import Thread
from typing import Self

LENGTH = re.compile(rb"(?i)\r\ncontent-length:\s*(\d+)")


class RawProvider:
    """Listens while the block runs. `says` may be changed at any time; behind it the connection is closed."""

    def __init__(self, says: bytes = b"") -> None:
        self.says = says
        self.heard: list[bytes] = []  # Heads and bodies.
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            line.settimeout(10)
            heard = b""
            while b"\r\n\r\n" not in heard and (some := line.recv(1 << 16)):
                heard += some
            head, _, body = heard.partition(b"\r\n\r\n")
            length = int(found[1]) if (found := LENGTH.search(head)) else 0
            while len(body) < length and (some := line.recv(1 << 16)):
                body += some
            line.settimeout(0.05)
            with suppress(TimeoutError):  # What nobody announced would be a second request.
                body += line.recv(1 << 16)
            self.heard.append(head + b"\r\n\r\n" + body)
            line.settimeout(10)
            line.sendall(self.says)
