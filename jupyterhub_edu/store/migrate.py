"""The schema: brought up to date when the store is opened, while the one-hub lock is held."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from jupyterhub_edu.ports import StoreError

from .tables import VERSION_TABLE

__all__ = ["current_revision", "migration_config", "require_current", "upgrade"]

_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for this package's migrations over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current_revision(connection: Connection) -> str | None:
    """The schema's revision; None before the first migration."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def require_current(connection: Connection) -> None:
    """Make sure that the schema is this version's, and change nothing.

    Raises:
        StoreError: it is older or newer, or there is none.
    """
    head = ScriptDirectory.from_config(migration_config(connection)).get_current_head()
    current = current_revision(connection)
    if current != head:
        raise StoreError(
            f"The store's schema is {current or 'not made yet'}, and this version reads {head}: let the hub "
            "of this version open it once."
        )


def upgrade(connection: Connection) -> None:
    """Bring the schema up to date, in the caller's transaction: wholly or not at all.

    Raises:
        StoreError: the database was written by a newer version.
    """
    config = migration_config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = current_revision(connection)
    if current == scripts.get_current_head():
        return
    if current not in {None, *(script.revision for script in scripts.walk_revisions())}:
        raise StoreError(
            f"The store's database was last used by a newer jupyterhub-edu (its schema is {current}, "
            f"this version knows up to {scripts.get_current_head()}). Install that version again, or "
            "put back a backup from before."
        )
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    command.upgrade(config, "head")
