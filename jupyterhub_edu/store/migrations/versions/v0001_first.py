"""People, enrolments, pins, admissions, audit, and the hub that uses them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OPEN = sa.text("stage != 'ended'")
_REFUSE_SQLITE = """
CREATE TRIGGER edu_audit_no_{act} BEFORE {act} ON edu_audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
"""
_REFUSE_POSTGRES = (
    """
CREATE FUNCTION edu_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$
""",
    """
CREATE TRIGGER edu_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON edu_audit
FOR EACH STATEMENT EXECUTE FUNCTION edu_audit_refuse()
""",
)


def upgrade() -> None:
    """Make the tables."""
    _people()
    _admissions()
    _audit()
    op.create_table(
        "edu_hub",
        sa.Column("one", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="edu_hub_pk"),
    )


def downgrade() -> None:
    """Drop the tables with all that is in them."""
    for table in (
        "edu_hub",
        "edu_audit",
        "edu_admissions",
        "edu_pins",
        "edu_enrolments",
        "edu_people",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION edu_audit_refuse()")


def _people() -> None:
    op.create_table(
        "edu_people",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("hub_name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("site_role", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="edu_people_pk"),
        sa.UniqueConstraint("hub_name", name="edu_people_hub_name_key"),
    )
    op.create_table(
        "edu_enrolments",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("starts", sa.BigInteger),
        sa.Column("ends", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("person", "course", "role", "origin", name="edu_enrolments_pk"),
        sa.ForeignKeyConstraint(["person"], ["edu_people.key"], name="edu_enrolments_person_fk"),
    )
    op.create_table(
        "edu_pins",
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("entry", name="edu_pins_pk"),
        sa.ForeignKeyConstraint(["person"], ["edu_people.key"], name="edu_pins_person_fk"),
    )


def _admissions() -> None:
    op.create_table(
        "edu_admissions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("hub_name", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("granted", sa.Text, nullable=False),
        sa.Column("own", sa.Boolean, nullable=False),
        sa.Column("reserved_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
        sa.Column("ends_by", sa.Text),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("running_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="edu_admissions_pk"),
    )
    op.create_index(
        "edu_admissions_open_index",
        "edu_admissions",
        ["id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _audit() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "edu_audit",
        sa.Column("id", number, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="edu_audit_pk"),
    )
    op.create_index("edu_audit_course_id_index", "edu_audit", ["course", "id"])
    postgres = op.get_bind().dialect.name == "postgresql"
    refusals = (
        _REFUSE_POSTGRES
        if postgres
        else [_REFUSE_SQLITE.format(act=act) for act in ("UPDATE", "DELETE")]
    )
    for statement in refusals:
        op.execute(statement)
