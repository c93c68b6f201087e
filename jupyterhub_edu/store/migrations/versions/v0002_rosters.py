"""Rosters that are known before anybody logs in, several identities of one account, what is done by hand, secrets.

A row of the audit may lose the name of somebody who was erased, and nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_OWN = sa.text("linked_to IS NULL")
_KEPT = ("id", "at", "act", "course", "details")
_ERASABLE = ("actor", "target", "address")
_NOT_ERASED = " OR ".join(
    [
        *(f"NEW.{column} <> OLD.{column}" for column in _KEPT),
        *(
            f"(NEW.{column} <> OLD.{column} AND NEW.{column} NOT LIKE 'erased-%')"
            for column in _ERASABLE
        ),
    ]
)
_SQLITE = {
    "new": f"""
CREATE TRIGGER edu_audit_no_UPDATE BEFORE UPDATE ON edu_audit WHEN {_NOT_ERASED}
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
""",
    "old": """
CREATE TRIGGER edu_audit_no_UPDATE BEFORE UPDATE ON edu_audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
""",
}
_POSTGRES = {
    "new": (
        """
CREATE TRIGGER edu_audit_append_only BEFORE DELETE OR TRUNCATE ON edu_audit
FOR EACH STATEMENT EXECUTE FUNCTION edu_audit_refuse()
""",
        f"""
CREATE TRIGGER edu_audit_only_erase BEFORE UPDATE ON edu_audit
FOR EACH ROW WHEN ({_NOT_ERASED}) EXECUTE FUNCTION edu_audit_refuse()
""",
    ),
    "old": (
        """
CREATE TRIGGER edu_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON edu_audit
FOR EACH STATEMENT EXECUTE FUNCTION edu_audit_refuse()
""",
    ),
}


def upgrade() -> None:
    """Add what is new, and let enrolments speak of people who have not come yet."""
    _free_people()
    with op.batch_alter_table("edu_people") as people:
        people.drop_constraint("edu_people_hub_name_key", type_="unique")
        people.add_column(sa.Column("linked_to", sa.Text))
        people.add_column(
            sa.Column("attributes", sa.Text, nullable=False, server_default=sa.text("'{}'"))
        )
    op.create_index(
        "edu_people_own_index",
        "edu_people",
        ["hub_name"],
        unique=True,
        sqlite_where=_OWN,
        postgresql_where=_OWN,
    )
    with op.batch_alter_table("edu_enrolments") as enrolments:
        enrolments.add_column(
            sa.Column("sections", sa.Text, nullable=False, server_default=sa.text("'[]'"))
        )
        enrolments.add_column(
            sa.Column("why", sa.Text, nullable=False, server_default=sa.text("''"))
        )
    op.create_index("edu_enrolments_roster_index", "edu_enrolments", ["origin", "course"])
    _pin_to_people()
    _tables()
    _guard_audit("new")


def downgrade() -> None:
    """Forget what the first schema cannot hold."""
    _guard_audit("old")
    for table in ("edu_secrets", "edu_pending", "edu_exclusions", "edu_rosters", "edu_members"):
        op.drop_table(table)
    op.execute(
        "DELETE FROM edu_pins WHERE person IN (SELECT key FROM edu_people WHERE linked_to IS NOT NULL)"
    )
    op.execute("DELETE FROM edu_people WHERE linked_to IS NOT NULL")
    op.execute("DELETE FROM edu_enrolments WHERE person NOT IN (SELECT key FROM edu_people)")
    with op.batch_alter_table("edu_pins") as pins:
        pins.drop_constraint("edu_pins_person_fk", type_="foreignkey")
    op.drop_index("edu_people_own_index", "edu_people")
    with op.batch_alter_table("edu_people") as people:
        people.drop_column("attributes")
        people.drop_column("linked_to")
        people.create_unique_constraint("edu_people_hub_name_key", ["hub_name"])
    op.drop_index("edu_enrolments_roster_index", "edu_enrolments")
    with op.batch_alter_table("edu_enrolments") as enrolments:
        enrolments.drop_column("why")
        enrolments.drop_column("sections")
        enrolments.create_foreign_key(
            "edu_enrolments_person_fk", "edu_people", ["person"], ["key"]
        )
    _pin_to_people()


def _free_people() -> None:
    """Take away what refers to people: SQLite makes that table anew, which it may not be while rows point at it."""
    for table in ("edu_enrolments", "edu_pins"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"{table}_person_fk", type_="foreignkey")


def _pin_to_people() -> None:
    with op.batch_alter_table("edu_pins") as pins:
        pins.create_foreign_key("edu_pins_person_fk", "edu_people", ["person"], ["key"])


def _tables() -> None:
    op.create_table(
        "edu_members",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="edu_members_pk"),
    )
    op.create_table(
        "edu_rosters",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("origin", "course", name="edu_rosters_pk"),
    )
    op.create_table(
        "edu_exclusions",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.PrimaryKeyConstraint("person", "course", name="edu_exclusions_pk"),
    )
    op.create_table(
        "edu_pending",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("course", sa.Text, nullable=False),
        sa.Column("typed", sa.Text, nullable=False),
        sa.Column("role", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("waits", sa.Text, nullable=False),
        sa.Column("starts", sa.BigInteger),
        sa.Column("ends", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="edu_pending_pk"),
    )
    op.create_table(
        "edu_secrets",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("whose", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="edu_secrets_pk"),
    )


def _guard_audit(which: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for trigger in ("edu_audit_append_only", "edu_audit_only_erase"):
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON edu_audit")
        for statement in _POSTGRES[which]:
            op.execute(statement)
    else:
        op.execute("DROP TRIGGER edu_audit_no_UPDATE")
        op.execute(_SQLITE[which])
