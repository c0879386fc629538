"""A process of its own that is many slow callers: python slow_crowd.py PORT SIZE, and what each begins with on stdin.

Says `ready` once all are connected. Each then sends a byte a second, spread evenly, until the process is told to end.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress

EVERY_S = 1.0


def main() -> None:
    """Until SIGTERM."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    begins_with = sys.stdin.buffer.read()
    lines = []
    for _ in range(size):
        line = socket.create_connection(("127.0.0.1", port), timeout=20)
        line.sendall(begins_with)
        line.setblocking(False)
        lines.append(line)
    print("ready", flush=True)
    while True:
        for line in lines:
            time.sleep(EVERY_S / size)
            with suppress(OSError):  # Cut off, as it should be.
                line.send(b"a")


if __name__ == "__main__":
    main()
