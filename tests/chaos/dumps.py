"""All that a Redis and a PostgreSQL keep, as bytes: what somebody has who has got hold of a copy."""

from __future__ import annotations

from collections.abc import Iterator

import redis
from postgres_server import PostgresServer
from stores.redis_server import RedisServer


def of_redis(server: RedisServer) -> Iterator[tuple[str, bytes]]:
    """Every key with all that it holds."""
    with redis.Redis(port=server.port, socket_timeout=20) as client:
        for name in client.scan_iter(count=1000):
            yield name.decode("latin-1"), name + b"\n" + b"\n".join(_held(client, name))


def _held(client: redis.Redis, name: bytes) -> Iterator[bytes]:
    match client.type(name):
        case b"string":
            yield client.get(name) or b""
        case b"hash":
            for pair in client.hgetall(name).items():
                yield from pair
        case b"list":
            yield from client.lrange(name, 0, -1)
        case b"set":
            yield from client.smembers(name)
        case b"zset":
            yield from client.zrange(name, 0, -1)
        case b"stream":
            for _, fields in client.xrange(name):
                for pair in fields.items():
                    yield from pair
        case other:
            raise AssertionError(f"{name!r} is a {other!r}: say here how it is read")


def of_postgres(server: PostgresServer, database: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, as text. Bytes stand in it in hex."""
    tables = server.say("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)
    for (table,) in tables:
        rows = server.say(f'SELECT t::text FROM "{table}" t', database)
        yield table, "\n".join(row for (row,) in rows).encode()
