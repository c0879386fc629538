"""What the workers of a gateway share beside its books: a port, and a folder for their sockets."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_PATH_MAX = 100
"""Of the 104 to 108 bytes that systems allow."""


@contextmanager
def reserved_port(host: str, port: int, said: str) -> Iterator[int]:
    """The port that all workers listen on, kept until the end, also while none of them does. `said`: where it may be
    changed. Raises OSError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as alone:  # Who shares one may not notice another gateway's workers.
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            alone.listen()
    except OSError as error:
        raise OSError(error.errno, f"{host}:{port}: {error.strerror} ({said})") from error
    with socket.socket(family, kind, protocol) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(address)
        yield kept.getsockname()[1]


@contextmanager
def socket_folder(home: Path) -> Iterator[Path]:
    """A folder that only its owner may enter: in the home, unless that has too long a name for sockets."""
    folder = home.absolute() / "run"
    if len(bytes(folder / "worker-256.sock")) <= SOCKET_PATH_MAX:
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="fareway-") as short:
        yield Path(short)
