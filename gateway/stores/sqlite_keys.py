"""Virtual keys in the state database, which the command line and a running gateway share."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.core.caller import Key
from gateway.stores.sqlite import connect

PEPPER_BYTES = 32
_key = msgspec.json.Decoder(Key)


class SqliteKeys:
    """Reads and writes key records. Calls are short and on a local file; the hot path does not come here."""

    def __init__(self, path: Path) -> None:
        self._database = connect(path)

    def all(self) -> dict[str, Key]:
        """Every key, revoked ones included."""
        rows = self._database.execute("SELECT key FROM keys")
        return {key.id: key for key in (_key.decode(row[0]) for row in rows)}

    def find(self, name: str) -> Key | None:
        """The key of that id."""
        row = self._database.execute("SELECT key FROM keys WHERE id = ?", (name,)).fetchone()
        return _key.decode(row[0]) if row else None

    def save(self, key: Key) -> None:
        """Add a key, or put it in the place of the one with its id."""
        self._database.execute("INSERT OR REPLACE INTO keys VALUES (?, ?)", (key.id, msgspec.json.encode(key)))

    @property
    def version(self) -> int:
        """Another number whenever a key was saved, by whichever process."""
        return int(self._database.execute("SELECT n FROM key_changes").fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        self._database.close()


def load_pepper(path: Path) -> bytes:
    """The secret under which key secrets are hashed; made on first use, readable by the owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_pepper(path)
    return path.read_bytes()


def _make_pepper(path: Path) -> None:
    """It appears whole or not at all, and of several processes that start at once the first one's stays."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(PEPPER_BYTES))
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
