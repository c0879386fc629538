"""Leases of replicas on many machines, in Redis or Valkey.

One Lua script an operation, so that each is atomic. All keys share one hash tag and so one slot: a cluster
takes them, and a script may see whether the store has lost its memory. Names carry a version.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from secrets import token_hex
from typing import Any

import msgspec
from redis.exceptions import NoScriptError

from gateway.core.limit import ended_before, longest_s
from gateway.core.rolling import length, width
from gateway.core.threshold import Passed
from gateway.stores.base import KEPT_S, Ask, Standing, Word, in_order
from gateway.stores.clock import StoreClock
from gateway.stores.redis_link import Link, refuse_policy

VERSION = 1
ROOT = f"{{fareway:{VERSION}}}"
META, _WANTED, _ALL = f"{ROOT}:meta", f"{ROOT}:wanted", f"{ROOT}:records"

_PASSED = f"{ROOT}:passed:"

LEARN_MS = 1000
"""After a loss, how long nothing new is leased: five syncs, in which every replica that lives has told what it has. Of
more than 20,000 records longer in proportion: each takes some 30 µs."""

log = logging.getLogger("fareway")

ASKS_MAX = 200
"""In one script, while which the server does nothing else: some 3 ms."""


class Script:
    """Run by its digest, and sent whole to a server that does not know it: also where nothing may be loaded."""

    def __init__(self, name: str) -> None:
        self.text = files("gateway.stores").joinpath(f"lua/{name}.lua").read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Any, keys: Sequence[str], told: Sequence[Any]) -> Any:
        """What it returns."""
        try:
            return await client.evalsha(self._digest, len(keys), *keys, *told)
        except NoScriptError:
            return await client.eval(self.text, len(keys), *keys, *told)


_EXCHANGE, _LOOK, _NOW, _RESUME, _HELLO = map(Script, ("exchange", "look", "now", "resume", "hello"))
_CLAIM = Script("claim_event")


class RedisStore:
    """See `LeaseStore`. `url`: as `Address` reads it. `clock` is set right by the store's. `changed` hears whether the
    store counts as down, whenever that changes."""

    exclusive = False

    def __init__(
        self,
        url: str,
        clock: StoreClock | None = None,
        changed: Callable[[bool], None] | None = None,
    ) -> None:
        self.link = Link(url, _meet, changed)
        self.clock = clock or StoreClock(time.time)
        self.epoch = 0
        self._replica = ""
        self._unknown = False  # Whether it evicts, and that was logged.
        self._claiming: dict[str, bytes] = {}  # By event, as the store was told it, until all answers are there.

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        """See `LeaseStore.exchange`."""
        self._replica = replica
        words: list[Word] = []
        for first in range(0, len(asks), ASKS_MAX):
            words += await self._exchange(replica, asks[first : first + ASKS_MAX])
        return words

    async def _exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        keys, told = _keys(replica, [ask.record for ask in asks]), [replica, LEARN_MS]
        for ask in asks:
            told += [ask.record, ask.limit, ask.spent, ask.want, ask.held, ask.least, ask.keep, ask.ahead, ask.turn]
            told += [_kept_s(ask.record), length(ask.record), ask.back]
        said = await self.link.ask("exchange", lambda client: _EXCHANGE.run(client, keys, told))
        return [_word(word) for word in said]

    async def wanted(self, replica: str) -> set[str]:
        """See `LeaseStore.wanted`. Asked also while calls leave the store alone: so it is noticed when it is back, and
        when it may forget no more."""
        keys, told, asked = [META, _WANTED, _ALL], [replica, _shorts(""), _record("")], self.clock.steady()

        async def look(client: Any) -> Any:
            said = await _LOOK.run(client, keys, told)
            self._judge(said[3].decode())
            return said

        seconds, micros, self.epoch, _, *names = await self.link.ask("look", look, anyhow=True)
        self.clock.learn(asked, _unix(seconds, micros), self.clock.steady())
        return {name.decode() for name in names}

    def _judge(self, policy: str) -> None:
        """By what the server says that it evicts by."""
        if not (policy or self._unknown):
            log.warning("The store of limits does not tell scripts whether it evicts: set maxmemory-policy noeviction.")
        self._unknown = not policy
        refuse_policy(policy)

    async def learn_time(self) -> None:
        """See `LeaseStore.learn_time`."""
        asked = self.clock.steady()
        said = await self.link.ask("time", lambda client: _NOW.run(client, [META], []), patient=True)
        self.clock.learn(asked, _unix(*said), self.clock.steady())

    async def records(self, replica: str) -> list[str]:
        """See `LeaseStore.records`."""
        names = await self.link.ask("records", lambda client: client.smembers(_of(replica)), patient=True)
        return sorted(name.decode() for name in names)

    async def resume(self, replica: str, spent: Mapping[str, int], turn: int = 0) -> None:
        """See `LeaseStore.resume`. Of one that breaks off the records that are not done are still known as the
        replica's, with what an earlier process has leased there: the next one does them all."""
        records = list(spent)
        for first in range(0, len(records), ASKS_MAX):
            await self._resume(replica, {record: spent[record] for record in records[first : first + ASKS_MAX]}, turn)

    async def _resume(self, replica: str, spent: Mapping[str, int], turn: int) -> None:
        told: list[Any] = [replica, turn]
        for record, amount in spent.items():
            seconds = length(record)
            told += [record, amount, _kept_s(record), seconds + width(seconds)]
        keys = _keys(replica, list(spent))
        await self.link.ask("resume", lambda client: _RESUME.run(client, keys, told), patient=True)

    async def seen(self) -> dict[str, float]:
        """Every replica that has told anything, and how many seconds ago it last did. Raises Unavailable."""
        told = await self.link.ask("seen", lambda client: client.hgetall(META), patient=True)
        await self.learn_time()
        now_ms = self.clock() * 1000
        prefix = b"seen:"
        return {
            name.removeprefix(prefix).decode(): (now_ms - int(at)) / 1000
            for name, at in told.items()
            if name.startswith(prefix)
        }

    async def standings(self, replica: str) -> dict[str, Standing]:
        """What each record says of a replica. Raises Unavailable."""
        found = {}
        for name in await self.records(replica):
            packed = await self._field(_record(name), f"r:{replica}")
            if packed is not None:
                found[name] = Standing(*msgspec.msgpack.decode(packed, type=tuple[int, ...], strict=False))
        return found

    async def claim(self, events: Sequence[Passed]) -> list[Passed]:
        """See `PassedThresholds.claim`. What comes to nothing here may stand in the store: it is ours next time."""
        signed = [self._claiming.setdefault(event.name, _signed(event)) for event in events]
        claimed = [event for event, text in zip(events, signed, strict=True) if await self._claimed(event, text)]
        for event in events:
            self._claiming.pop(event.name, None)
        return claimed

    async def _claimed(self, event: Passed, text: bytes) -> bool:
        kept_s = 0 if event.kept_until is None else max(1, round(event.kept_until - self.clock()))
        keys, told = [_PASSED + event.name], [text, kept_s]
        return bool(await self.link.ask("claim", lambda client: _CLAIM.run(client, keys, told)))

    async def told(self) -> list[Passed]:
        """See `PassedThresholds.told`."""
        return in_order(await self.link.ask("told", _found, patient=True))

    async def _field(self, key: str, field: str) -> Any:
        return await self.link.ask("standing", lambda client: client.hget(key, field), patient=True)

    async def sweep(self, before: float) -> int:
        """Forget that we stood on records of windows that had ended by that Unix time: they go by themselves. Returns
        how many. Raises Unavailable."""
        old = [name for name in await self.records(self._replica) if ended_before(name, before)]
        if old:
            for names in (_ALL, _of(self._replica)):
                await self.link.ask("sweep", partial(_remove, names, old), patient=True)
        return len(old)

    async def close(self) -> None:
        """Let the connections go."""
        await self.link.close()


async def _meet(connection: Any, server: Mapping[str, str]) -> None:
    """A new connection: one to another server than before may be to one that lacks the newest words."""
    identity = f"{server.get('run_id')}/{server.get('master_replid')}"
    await connection.send_command("EVAL", _HELLO.text, 1, META, identity)
    await connection.read_response()


async def _remove(names: str, old: Sequence[str], client: Any) -> None:
    await client.srem(names, *old)


async def _found(client: Any) -> list[bytes]:
    """The texts of all events that were claimed."""
    names = [name async for name in client.scan_iter(match=f"{_PASSED}*", count=1000)]
    found = [await client.get(name) for name in names]
    return [text for text in found if text is not None]


def _signed(event: Passed) -> bytes:
    """The event, with what nobody else would write."""
    return msgspec.json.encode(msgspec.structs.asdict(event) | {"claim": token_hex(8)})


def _keys(replica: str, records: Sequence[str]) -> list[str]:
    return [META, _WANTED, _ALL, _of(replica), *(key for name in records for key in (_record(name), _shorts(name)))]


def _kept_s(record: str) -> int:
    """From its last word on, which may be the window's first."""
    longest = longest_s(record)
    return longest + KEPT_S if longest else 0


def _record(name: str) -> str:
    return f"{ROOT}:record:{name}"


def _shorts(name: str) -> str:
    return f"{ROOT}:short:{name}"


def _of(replica: str) -> str:
    return f"{ROOT}:of:{replica}"


def _unix(seconds: Any, micros: Any) -> float:
    return int(seconds) + int(micros) / 1e6


def _word(said: Sequence[int]) -> Word:
    leased, spent, short, *others, yields, learning = said
    return Word(leased, spent, short, Standing(*others), bool(yields), bool(learning))
