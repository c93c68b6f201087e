"""What the audit says of one session."""

from __future__ import annotations

from datetime import datetime

from jupyterhub_edu.domain.admissions import Admission
from jupyterhub_edu.ports import AuditEntry

__all__ = ["entry_about"]


def entry_about(
    admission: Admission, at: datetime, actor: str, act: str, address: str = "", **details: str
) -> AuditEntry:
    """An entry about a session, not kept yet.

    Args:
        at: aware UTC instant.
        actor: hub account; empty for the system.
        address: whence it was asked for, if anybody did.
        details: what else is to be said.
    """
    return AuditEntry(
        at=at,
        actor=actor,
        act=act,
        course=admission.course,
        target=admission.hub_name,
        address=address,
        details={"server": admission.server, "admission": admission.id, **details},
    )
