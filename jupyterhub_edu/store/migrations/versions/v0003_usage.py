"""What sessions used, by local day, what an hour of each counts for, what running ones have reserved; records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = ("person", "course", "day", "flavor", "profile")
_RECORD = ("kind", "id", "body", "whose", "by")
_AMOUNTS = ("sessions", "estimated", "waiting_ms", "running_ms", "used")


def upgrade() -> None:
    """Add what is new; the days are filled from the sessions by the first hub that knows the campus's zone."""
    op.add_column(
        "edu_admissions",
        sa.Column("weight", sa.Integer, nullable=False, server_default=sa.text("1000")),
    )
    op.add_column("edu_admissions", sa.Column("reserved", sa.Text))
    op.add_column(
        "edu_admissions",
        sa.Column("extended", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "edu_usage",
        *(sa.Column(name, sa.Date if name == "day" else sa.Text, nullable=False) for name in _KEY),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _AMOUNTS),
        sa.PrimaryKeyConstraint(*_KEY, name="edu_usage_pk"),
    )
    op.create_index("edu_usage_day_index", "edu_usage", ["day", "course"])
    op.create_index("edu_usage_course_index", "edu_usage", ["course", "day"])
    op.create_table(
        "edu_ledger",
        sa.Column("one", sa.Integer, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("one", name="edu_ledger_pk"),
    )
    op.create_table(
        "edu_records",
        *(sa.Column(name, sa.Text, nullable=False) for name in _RECORD),
        sa.PrimaryKeyConstraint("kind", "id", name="edu_records_pk"),
    )


def downgrade() -> None:
    """Forget what can be made again, the weights, what is reserved, and the records."""
    for table in ("edu_records", "edu_ledger", "edu_usage"):
        op.drop_table(table)
    for column in ("extended", "reserved", "weight"):
        op.drop_column("edu_admissions", column)
