"""One PostgreSQL for all tests of a run, and both kinds of ledger."""

import os

import pytest
from ledgers import InPostgres, InSqlite
from postgres_server import INITDB, PostgresServer

from gateway.ledger import postgres_line


@pytest.fixture(scope="session")
def postgres():
    if INITDB is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request, tmp_path, monkeypatch):
    """Where a ledger is kept. It may be asked again at once."""
    if request.param == "sqlite":
        return InSqlite(tmp_path)
    monkeypatch.setattr(postgres_line, "PAUSE_S", 0)
    return InPostgres(request.getfixturevalue("postgres"))


@pytest.fixture
def ledger(kept):
    found = kept.open()
    yield found
    found.close()
