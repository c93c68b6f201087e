"""Floor 1: what the core needs from the world, as protocols. No implementation, no third party."""

from .clock import Clock, utc_now
from .hub import Accounts, Groups, LiveServer, Servers, ServersError
from .inventory import Inventory, PodSighting, Stock
from .sources import (
    Answer,
    CodeGrant,
    Denied,
    FormSource,
    Gone,
    IdentitySource,
    Launch,
    LaunchRequest,
    LaunchSource,
    Login,
    LoginShape,
    Redirect,
    RedirectSource,
    RosterSource,
    Safe,
    Tool,
    Unavailable,
)
from .store import AuditEntry, Store, StoreError

__all__ = [
    "Accounts",
    "Answer",
    "AuditEntry",
    "Clock",
    "CodeGrant",
    "Denied",
    "FormSource",
    "Gone",
    "Groups",
    "IdentitySource",
    "Inventory",
    "Launch",
    "LaunchRequest",
    "LaunchSource",
    "LiveServer",
    "Login",
    "LoginShape",
    "PodSighting",
    "Redirect",
    "RedirectSource",
    "RosterSource",
    "Safe",
    "Servers",
    "ServersError",
    "Stock",
    "Store",
    "StoreError",
    "Tool",
    "Unavailable",
    "utc_now",
]
