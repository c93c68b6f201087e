"""Our tables. All names begin with ``edu_``, so a database may be shared with the hub and its tables are never touched.

Instants are whole microseconds since 1970 UTC; roles, stages and rules are words, checked when they are read.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

__all__ = [
    "ADMISSIONS",
    "AUDIT",
    "ENROLMENTS",
    "EXCLUSIONS",
    "HUB",
    "LEDGER",
    "MEMBERS",
    "METADATA",
    "PENDING",
    "PEOPLE",
    "PINS",
    "PREFIX",
    "ROSTERS",
    "SECRETS",
    "USAGE",
    "VERSION_TABLE",
]

PREFIX: Final = "edu_"
VERSION_TABLE: Final = "edu_alembic_version"
METADATA: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
    }
)

PEOPLE: Final = Table(
    "edu_people",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("hub_name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("site_role", Text),
    Column("active", Boolean, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
    Column("linked_to", Text),
    Column("attributes", Text, nullable=False, server_default="{}"),
)
_OWN = PEOPLE.c.linked_to.is_(None)
Index(
    "edu_people_own_index",
    PEOPLE.c.hub_name,
    unique=True,
    sqlite_where=_OWN,
    postgresql_where=_OWN,
)

ENROLMENTS: Final = Table(
    "edu_enrolments",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("starts", BigInteger),
    Column("ends", BigInteger),
    Column("answered_at", BigInteger),
    Column("by", Text, nullable=False),
    Column("sections", Text, nullable=False, server_default="[]"),
    Column("why", Text, nullable=False, server_default=""),
    # A roster is replaced by what it is of; the primary key begins with the person.
    Index("edu_enrolments_roster_index", "origin", "course"),
)

MEMBERS: Final = Table(
    "edu_members",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
)

ROSTERS: Final = Table(
    "edu_rosters",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("answered_at", BigInteger, nullable=False),
)

EXCLUSIONS: Final = Table(
    "edu_exclusions",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("until", BigInteger),
)

PENDING: Final = Table(
    "edu_pending",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("course", Text, nullable=False),
    Column("typed", Text, nullable=False),
    Column("role", Text),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("waits", Text, nullable=False),
    Column("starts", BigInteger),
    Column("ends", BigInteger),
    Column("why", Text, nullable=False),
)

RECORDS: Final = Table(
    "edu_records",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("whose", Text, nullable=False),
    Column("by", Text, nullable=False),
)

SECRETS: Final = Table(
    "edu_secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("whose", Text, nullable=False),
)

PINS: Final = Table(
    "edu_pins",
    METADATA,
    Column("entry", Text, primary_key=True),
    Column("person", Text, ForeignKey(PEOPLE.c.key), nullable=False),
)

ADMISSIONS: Final = Table(
    "edu_admissions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("hub_name", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("course", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("granted", Text, nullable=False),
    Column("own", Boolean, nullable=False),
    Column("reserved_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("ends_by", Text),
    Column("stage", Text, nullable=False),
    Column("running_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("estimated", Boolean, nullable=False),
    Column("weight", Integer, nullable=False, server_default="1000"),
    Column("reserved", Text),
    Column("extended", Integer, nullable=False, server_default="0"),
)
_OPEN = ADMISSIONS.c.stage != "ended"
# Ended rows are kept for ever; finding the few open ones must not read them.
Index("edu_admissions_open_index", ADMISSIONS.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)

AUDIT: Final = Table(
    "edu_audit",
    METADATA,
    # SQLite numbers rows by itself only in a column of exactly this type.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("course", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("details", Text, nullable=False),
    Index("edu_audit_course_id_index", "course", "id"),
)

USAGE: Final = Table(
    "edu_usage",
    METADATA,
    # The order of the key is that of the questions asked most: one person's, in one course, since some day.
    Column("person", Text, primary_key=True),
    Column("course", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("flavor", Text, primary_key=True),
    Column("profile", Text, primary_key=True),
    Column("sessions", BigInteger, nullable=False),
    Column("estimated", BigInteger, nullable=False),
    Column("waiting_ms", BigInteger, nullable=False),
    Column("running_ms", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Index("edu_usage_day_index", "day", "course"),
    Index("edu_usage_course_index", "course", "day"),
)
"""What ended sessions used, by local day; made from ``edu_admissions`` and always equal to what it would give anew."""

LEDGER: Final = Table(
    "edu_ledger",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("zone", Text, nullable=False),
)
"""One row: the zone of the days in ``edu_usage``. None: they are not kept yet."""

HUB: Final = Table(
    "edu_hub",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("token", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),  # whole seconds: it is only shown
)
"""One row: the hub that uses the database, or used it last. Names it to a second one, and tells a hub whose connection
was lost whether another has been here meanwhile."""
