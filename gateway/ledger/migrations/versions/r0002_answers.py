"""The provider's own name for its answer, by which an entry can be found."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Entries from before have none."""
    op.execute("""ALTER TABLE fareway.entries ADD COLUMN answer_id text COLLATE "C" NOT NULL DEFAULT ''""")
    op.execute("CREATE INDEX entries_by_answer ON fareway.entries (answer_id) WHERE answer_id <> ''")
