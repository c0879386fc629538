"""Entries by day, the balances that follow from them, and the prices that they were booked at."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_NAME = 'text COLLATE "C" NOT NULL'
"""Compared by its bytes, as everywhere else: other orders depend on the machine."""

_ENTRIES = f"""
CREATE TABLE fareway.entries (
    id {_NAME}, request_id {_NAME}, at double precision NOT NULL,
    key_id {_NAME}, org {_NAME}, team {_NAME}, "user" {_NAME},
    asked_model {_NAME}, provider {_NAME}, model {_NAME}, tier {_NAME},
    deployment {_NAME}, outcome {_NAME}, cost_status {_NAME},
    cost_picos bigint, saved_nanos bigint NOT NULL,
    input_tokens bigint NOT NULL, cached_tokens bigint NOT NULL, output_tokens bigint NOT NULL,
    charges text NOT NULL, entry text NOT NULL, replica {_NAME},
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at)
"""
_BALANCES = f"""
CREATE TABLE fareway.balances (
    account {_NAME}, replica {_NAME}, spent bigint NOT NULL, PRIMARY KEY (account, replica)
) WITH (fillfactor = 70)
"""
_PRICES = f"CREATE TABLE fareway.prices (id {_NAME} PRIMARY KEY, price text NOT NULL)"


def upgrade() -> None:
    """Make all of it."""
    op.execute(_ENTRIES)
    op.execute("CREATE INDEX entries_by_time ON fareway.entries (at)")
    op.execute(_BALANCES)
    op.execute(_PRICES)
