"""What callers say about answers."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_FEEDBACK = """
CREATE TABLE fareway.feedback (
    request_id text COLLATE "C" PRIMARY KEY, at double precision NOT NULL, score double precision NOT NULL,
    provider text COLLATE "C" NOT NULL, model text COLLATE "C" NOT NULL, cluster integer NOT NULL,
    arm text COLLATE "C" NOT NULL, cost_picos bigint
)
"""


def upgrade() -> None:
    """None was kept before."""
    op.execute(_FEEDBACK)
    op.execute("CREATE INDEX feedback_by_time ON fareway.feedback (at)")
