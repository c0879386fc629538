"""Virtual keys in Redis or Valkey, which gateways on many machines and the command line share."""

from __future__ import annotations

from typing import Any

import msgspec
from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from gateway.core.caller import Key
from gateway.core.errors import Unavailable
from gateway.stores.breaker import Breaker
from gateway.stores.redis_leases import ROOT
from gateway.stores.redis_link import FAILURES, Address

_KEYS, _VERSION = f"{ROOT}:keys", f"{ROOT}:keys-version"
PATIENT_S = 0.5
"""For what no call waits for."""

_key = msgspec.json.Decoder(Key)


class _Client:
    """Made when first needed, for that of a cluster connects at once."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._redis: Any = None

    def ask(self, *words: Any) -> Any:
        try:
            if self._redis is None:
                self._redis = self._made()
            return self._redis.execute_command(*words)
        except FAILURES as error:
            raise Unavailable("The store of keys does not answer.") from error

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()

    def _made(self) -> Any:
        options = {"socket_timeout": self._timeout_s, "socket_connect_timeout": self._timeout_s}
        if self._address.cluster:
            once = Retry(NoBackoff(), 1)  # Where a key is may have changed.
            return RedisCluster.from_url(self._address.url, require_full_coverage=False, retry=once, **options)
        return Redis.from_url(self._address.url, retry=Retry(NoBackoff(), 0), **options)


class RedisKeys:
    """Reads and writes key records, one call each; see `SqliteKeys`. Every method may raise Unavailable.

    `find` is asked for while calls wait, and so it waits no longer than they may, and not one call after another.
    """

    def __init__(self, url: str) -> None:
        address = Address.read(url)
        self._patient = _Client(address, max(PATIENT_S, address.timeout_s))
        self._hasty = _Client(address, address.timeout_s)
        self._breaker = Breaker()

    def all(self) -> dict[str, Key]:
        """Every key, revoked ones included."""
        found = (_key.decode(value) for value in self._patient.ask("HVALS", _KEYS))
        return {key.id: key for key in found}

    def find(self, name: str) -> Key | None:
        """The key of that id."""
        if not self._breaker.admits():
            raise Unavailable("The store of keys does not answer.")
        try:
            value = self._hasty.ask("HGET", _KEYS, name)
        except Unavailable:
            self._breaker.failed()
            raise
        self._breaker.worked()
        return _key.decode(value) if value else None

    def save(self, key: Key) -> None:
        """Add a key, or put it in the place of the one with its id."""
        self._patient.ask("HSET", _KEYS, key.id, msgspec.json.encode(key))
        self._patient.ask("INCR", _VERSION)  # After the key: whoever sees the new number finds the new key.

    @property
    def version(self) -> int:
        """Another number whenever a key was saved, by whoever it was."""
        return int(self._patient.ask("GET", _VERSION) or 0)

    def close(self) -> None:
        """Close the connections."""
        for client in (self._patient, self._hasty):
            client.close()
