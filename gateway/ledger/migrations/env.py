"""What alembic runs: the revisions, in one transaction, on the connection that the gateway has."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
if connection.scalar(text("SELECT to_regnamespace('fareway')")) is None:
    connection.execute(text("CREATE SCHEMA fareway"))
context.configure(connection=connection, version_table_schema="fareway")
with context.begin_transaction():
    context.run_migrations()
connection.commit()
