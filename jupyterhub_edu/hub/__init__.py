"""Floor 3: the only user of the running hub's internals, and of what differs between its versions."""

from .activity import HubWatching
from .addresses import public_address
from .metrics import METRICS_ROUTES, metrics_text
from .refusals import late_refusal, reasons_json, refusal, refusal_json
from .rest import HubServers
from .running import Attached, Route, add_check, add_routes, attach, attached, is_ours, run_checks
from .running import routes as added_routes
from .sealing import HubSealer
from .tables import (
    HubAccounts,
    HubGroups,
    find_account,
    groups_beside,
    has_nothing_to_write,
    remember_options,
    unshare,
)
from .visits import HubVisits, lets_in, opened_by

__all__ = [
    "METRICS_ROUTES",
    "Attached",
    "HubAccounts",
    "HubGroups",
    "HubSealer",
    "HubServers",
    "HubVisits",
    "HubWatching",
    "Route",
    "add_check",
    "add_routes",
    "added_routes",
    "attach",
    "attached",
    "find_account",
    "groups_beside",
    "has_nothing_to_write",
    "is_ours",
    "late_refusal",
    "lets_in",
    "metrics_text",
    "opened_by",
    "public_address",
    "reasons_json",
    "refusal",
    "refusal_json",
    "remember_options",
    "run_checks",
    "unshare",
]
