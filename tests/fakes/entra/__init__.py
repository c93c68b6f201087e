"""A FAKE of Microsoft Entra ID and Microsoft Graph, in memory. Nothing of Microsoft runs here.

It copies what is published: the v2 endpoints of a tenant (discovery, keys, authorize, token, logout) with errors in
AADSTS shape, ID tokens with their claims and the overage of groups, and of Graph what a hub reads: groups with paging,
people, education classes, what has changed (delta), the app's registration, throttled by the published buckets. A person is logged in by being
named (``login_hint``); nobody has a password.

    fake = FakeEntra()                       # a tenant, an app, and some people
    web = FakeWeb(fake)                      # stands in for ``identity.web.Web``, no sockets
    async with EntraServer() as server:      # the same on two loopback ports: server.authority, server.graph
    with serving() as server:                # in a thread

    ann = fake.tenant.add_user("ann", groups=["ml-students"])
    fake.tenant.disable(ann); fake.tenant.revoke(ann); fake.tenant.delete(ann)
    fake.app.secrets, fake.app.group_claims, fake.app.delegated, fake.app.permissions, ...
    fake.rotate()                            # new signing key, the old one is gone
    fake.silent.add("graph")                 # that service does not answer
    fake.meddle = lambda service, request: Reply(...)       # or it answers this; None lets the request pass
    fake.bend = lambda claims: claims | {...}               # ID tokens say something else, or are this text
    fake.graph.changes.forget()              # links to changes are not known any more (410)
    fake.requests                            # every request as "graph GET /v1.0/me/..."

Alone: ``python -m tests.fakes.entra``; against the real thing: ``tests/fakes/entra/live.py``.

Sources: MicrosoftDocs/entra-docs docs/identity-platform/{v2-protocols-oidc,v2-oauth2-auth-code-flow,
id-token-claims-reference,reference-error-codes,refresh-tokens}.md; microsoftgraph/microsoft-graph-docs-contrib
concepts/throttling-limits.md, api-reference/v1.0/api/{user-list-transitivememberof,educationuser-list-taughtclasses,
group-delta,user-delta}.md.
Not copied, because not published: which error wins when several apply, pairwise ``sub``, signatures of access tokens.
"""

from .directory import Application, Group, SchoolClass, Tenant, User
from .fake import FakeEntra, FakeWeb
from .http import Reply, Request
from .server import EntraServer, serving

__all__ = [
    "Application",
    "EntraServer",
    "FakeEntra",
    "FakeWeb",
    "Group",
    "Reply",
    "Request",
    "SchoolClass",
    "Tenant",
    "User",
    "serving",
]
