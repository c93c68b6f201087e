"""Run by Alembic: over the connection that it is handed, on our tables alone."""

from __future__ import annotations

from alembic import context

from jupyterhub_edu.store.tables import METADATA, PREFIX, VERSION_TABLE


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic may look at it: a shared database holds the hub's tables too."""
    return kind != "table" or (name or "").startswith(PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    include_name=_is_ours,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
