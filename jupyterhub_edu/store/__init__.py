"""Floor 3: what survives a restart, in SQLite or PostgreSQL; and a store that forgets."""

from .memory import MemoryStore
from .sql import SqlStore, open_store

__all__ = ["MemoryStore", "SqlStore", "open_store"]
