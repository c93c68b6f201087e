"""What the audit has."""

from __future__ import annotations

from jupyterhub_edu.ports import AuditEntry, AuditQuery, Store

__all__ = ["audited"]


async def audited(store: Store, course: str | None = None, limit: int = 200) -> list[AuditEntry]:
    """The newest entries first, of one course or of all."""
    found = await store.find_audit(AuditQuery(course=course), limit=limit)
    return [filed.entry for filed in found]
