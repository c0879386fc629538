"""The same tests for every kind of ledger: how each is opened, locked and looked into."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from functools import partial

import psycopg

from gateway.ledger import postgres, sqlite
from gateway.ledger.postgres import PostgresLedger
from gateway.ledger.postgres_line import Address
from gateway.ledger.postgres_schema import prepare
from gateway.ledger.sqlite import SqliteLedger


class InSqlite:
    """A file."""

    def __init__(self, folder):
        self.path = folder / "new" / "ledger.db"
        self.reading = partial(sqlite.reading, self.path)

    def open(self, replica=None):
        ledger = SqliteLedger(self.path, replica)
        ledger._database.execute("PRAGMA busy_timeout = 50")
        return ledger

    def rows(self, query):
        """What a query gives to another connection."""
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(query).fetchall()

    def change(self, statement):
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute(statement)

    @contextmanager
    def locked(self):
        """While nobody else can write."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


def prepared(server):
    """The name of an empty ledger on this server, to be copied."""
    if "ledger" not in server.known:
        server.say("CREATE DATABASE ledger TEMPLATE template0")
        with closing(Address(server.url("ledger")).connect()) as connection:
            prepare(connection)
        server.known.add("ledger")
    return "ledger"


class InPostgres:
    """A database of its own on a server."""

    def __init__(self, server):
        self.name = server.database(prepared(server))
        self.url = server.url(self.name)
        self.reading = partial(postgres.reading, self.url)

    def open(self, replica=None):
        return PostgresLedger(f"{self.url}?options=-clock_timeout%3D200ms", replica)

    def _connected(self):
        return psycopg.connect(self.url, autocommit=True, options="-c search_path=fareway")

    def rows(self, query):
        with self._connected() as connection:
            return connection.execute(query).fetchall()

    def change(self, statement):
        with self._connected() as connection:
            connection.execute(statement)

    @contextmanager
    def locked(self):
        with psycopg.connect(self.url, options="-c search_path=fareway") as other:
            other.execute("LOCK TABLE entries IN EXCLUSIVE MODE")
            yield
            other.rollback()


def balances(kept):
    """All of a ledger's balances, read by another connection."""
    return {name: int(spent) for name, spent in kept.rows("SELECT account, sum(spent) FROM balances GROUP BY account")}
