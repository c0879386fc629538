"""The schema in PostgreSQL: brought up to date at the start, and who may write there at the same time.

Everything is in the schema `fareway` of the database that the address names.
"""

from __future__ import annotations

from zlib import crc32

from gateway.ledger.base import LedgerUnfit
from gateway.ledger.postgres_line import ANSWER_S, Connection

HEAD = "0003"
"""The revision that this version writes. See gateway/ledger/migrations."""

_START, _GATEWAYS = 0x46415245, 0x46415246
"""Advisory locks. The first is held by whoever changes what others rely on; under the second, every gateway that runs
holds one, shared, whose number says with whom it shares its limits."""

_SESSION = f"""
SET search_path = fareway;
SET statement_timeout = '{ANSWER_S}s';
SET idle_in_transaction_session_timeout = '60s';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""  # The journal forgets what is here; and a machine that is gone lets go of its locks within a minute.

_INCOMING = "CREATE TEMP TABLE incoming (LIKE fareway.entries) ON COMMIT DELETE ROWS"

_OTHERS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2
    AND classid::bigint = %s::bigint AND objid::bigint <> %s::bigint
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def party_of(home: str | None) -> int:
    """With whom a gateway shares its limits, as a number: the processes of its home; or all, where `home` is None."""
    return 0 if home is None else crc32(home.encode()) >> 1 or 1


def prepare(connection: Connection, party: int | None = None) -> None:
    """Make a new connection fit for writing. `party`: None for a command, which is no gateway. Raises psycopg.Error or
    LedgerUnfit."""
    if connection.info.encoding != "utf-8" or connection.info.parameter_status("server_encoding") != "UTF8":
        raise LedgerUnfit("the ledger's database must have the encoding UTF8, or it cannot hold every name")
    _bring_up(connection)
    connection.execute(_SESSION)
    connection.execute(_INCOMING)
    if party is not None:
        _join(connection, party)


def claim(connection: Connection) -> None:
    """Keep gateways from starting for as long as this connection lives. Raises LedgerUnfit where one runs."""
    _bring_up(connection)
    connection.execute("SELECT pg_advisory_lock(%s, 0)", (_START,))
    if _others(connection, -1):
        raise LedgerUnfit("a gateway is running with this ledger")


def _join(connection: Connection, party: int) -> None:
    """Two gateways that each take a limit for their own would spend it twice, and each other's entries would look
    like drift."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_START,))
        if _others(connection, party):
            raise LedgerUnfit(
                "another gateway writes to this ledger, and does not share its limits with this one: "
                "let `state` be the same redis:// address for both"
            )
        connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", (_GATEWAYS, party))


def _others(connection: Connection, party: int) -> bool:
    found = connection.execute(_OTHERS, (_GATEWAYS, party)).fetchone()
    return found is not None and found[0] > 0


def _bring_up(connection: Connection) -> None:
    """To HEAD, one process at a time: several may start at once."""
    if _revision(connection) == HEAD:
        return
    connection.execute("SELECT pg_advisory_lock(%s, 0)", (_START,))
    try:
        found = _revision(connection)
        if found is not None and found > HEAD:
            raise LedgerUnfit(f"the ledger was written by a newer version of Fareway (schema {found}, not {HEAD})")
        if found != HEAD:
            _migrate(connection)
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s, 0)", (_START,))


def _revision(connection: Connection) -> str | None:
    if connection.execute("SELECT to_regclass('fareway.alembic_version')").fetchone() == (None,):
        return None
    found = connection.execute("SELECT version_num FROM fareway.alembic_version").fetchone()
    return None if found is None else str(found[0])


def _migrate(connection: Connection) -> None:
    from alembic.command import upgrade  # noqa: PLC0415 - half a second that a start rarely needs
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "gateway.ledger:migrations")
    patience, connection.answer_s = connection.answer_s, None  # A large table may take its time.
    connection.autocommit = False  # All revisions or none.
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as bound:
        config.attributes["connection"] = bound
        upgrade(config, "head")
    connection.rollback()
    connection.autocommit, connection.answer_s = True, patience
