"""Keys, tenants, rules and the audit log in Redis or Valkey, which gateways on many machines and the command line
share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from gateway.core.errors import Unavailable
from gateway.stores.breaker import Breaker
from gateway.stores.redis_leases import ROOT
from gateway.stores.redis_link import FAILURES, Address
from gateway.stores.registry import FOLLOWED, Kind, Write

_VERSION, _AUDIT = f"{ROOT}:keys-version", f"{ROOT}:audit"
_OTHER_VERSION = f"{ROOT}:batches-version"  # Of what nobody follows.
PATIENT_S = 0.5
"""For what no call waits for."""

_WRITE = files("gateway.stores").joinpath("lua/write.lua").read_text(encoding="utf-8")
_LIFT = "if tonumber(redis.call('GET', KEYS[1]) or 0) <= tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[2]) end"


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


class RedisRegistry:
    """See `Registry`. One call each.

    A hasty `find` is asked for while calls wait, and so it waits no longer than they may, and not one call after
    another.
    """

    def __init__(self, url: str) -> None:
        address = Address.read(url)
        self._patient = _Client(address, max(PATIENT_S, address.timeout_s))
        self._hasty = _Client(address, address.timeout_s)
        self._breaker = Breaker()

    def all(self, kind: Kind) -> dict[str, bytes]:
        """See `Registry.all`."""
        return {name.decode(): record for name, record in self._patient.ask("HGETALL", _hash(kind)).items()}

    def find(self, kind: Kind, name: str, *, hasty: bool = False) -> bytes | None:
        """See `Registry.find`."""
        found: bytes | None = self._find_soon(kind, name) if hasty else self._patient.ask("HGET", _hash(kind), name)
        return found

    def _find_soon(self, kind: Kind, name: str) -> Any:
        if not self._breaker.admits():
            raise Unavailable("The store of keys does not answer.")
        try:
            found = self._hasty.ask("HGET", _hash(kind), name)
        except Unavailable:
            self._breaker.failed()
            raise
        self._breaker.worked()
        return found

    def write(self, writes: Sequence[Write], notes: Sequence[bytes]) -> bool:
        """See `Registry.write`."""
        followed = any(write.kind in FOLLOWED for write in writes)
        keys = [_VERSION if followed else _OTHER_VERSION, _AUDIT, *(_hash(write.kind) for write in writes)]
        told = [word for write in writes for word in (write.id, write.before or b"", write.after or b"")]
        return bool(self._patient.ask("EVAL", _WRITE, len(keys), *keys, *told, *notes))

    def notes(self, before: int | None, count: int) -> list[tuple[int, bytes]]:
        """See `Registry.notes`."""
        end = self._patient.ask("LLEN", _AUDIT) if before is None else max(0, before - 1)
        first = max(0, end - count)
        lines = self._patient.ask("LRANGE", _AUDIT, first, end - 1) if end > first else []
        return list(enumerate(lines, first + 1))[::-1]

    @property
    def version(self) -> int:
        """See `Registry.version`."""
        return int(self._patient.ask("GET", _VERSION) or 0)

    def lift(self, version: int) -> None:
        """See `Registry.lift`."""
        self._patient.ask("EVAL", _LIFT, 1, _VERSION, version, version + 1)

    def close(self) -> None:
        """See `Registry.close`."""
        for client in (self._patient, self._hasty):
            client.close()


def _hash(kind: Kind) -> str:
    return f"{ROOT}:{kind}"
