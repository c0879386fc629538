"""Virtual keys in Redis or Valkey, which gateways on many machines and the command line share."""

from __future__ import annotations

from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from gateway.core.caller import Key
from gateway.core.errors import Unavailable
from gateway.stores.redis_leases import ROOT

_KEYS, _VERSION = f"{ROOT}:keys", f"{ROOT}:keys-version"
TIMEOUT_S = 0.5
_key = msgspec.json.Decoder(Key)


class RedisKeys:
    """Reads and writes key records, one call each; see `SqliteKeys`. Every method may raise Unavailable."""

    def __init__(self, url: str) -> None:
        self._redis: Any = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)

    def all(self) -> dict[str, Key]:
        """Every key, revoked ones included."""
        found = (_key.decode(value) for value in self._asked("HVALS", _KEYS))
        return {key.id: key for key in found}

    def find(self, name: str) -> Key | None:
        """The key of that id."""
        value = self._asked("HGET", _KEYS, name)
        return _key.decode(value) if value else None

    def save(self, key: Key) -> None:
        """Add a key, or put it in the place of the one with its id."""
        self._asked("HSET", _KEYS, key.id, msgspec.json.encode(key))
        self._asked("INCR", _VERSION)  # After the key: whoever sees the new number finds the new key.

    @property
    def version(self) -> int:
        """Another number whenever a key was saved, by whoever it was."""
        return int(self._asked("GET", _VERSION) or 0)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _asked(self, *words: Any) -> Any:
        try:
            return self._redis.execute_command(*words)
        except (RedisError, OSError) as error:
            raise Unavailable("The store of keys does not answer.") from error
