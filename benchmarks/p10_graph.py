"""P10: what logins ask of Microsoft Graph, ours against a look-up at each login and against AzureAdOAuthenticator.

A fake of Entra and Graph answers, which throttles as Microsoft publishes it for the smallest tenants (3,500 units in ten
seconds); nothing here was measured on Microsoft's own. The look-up at each login is what a hook usually does: all pages
of a hundred, without ``$select``. All logins of a row fall into one instant. Counts only.

    python -m benchmarks.p10_graph
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jupyterhub_edu.core import ForgetfulSafe
from jupyterhub_edu.identity.entra import EntraSettings, EntraSource
from jupyterhub_edu.ports import Login
from tests.fakes.entra import FakeEntra, FakeWeb, User

CASES = (
    ("groups in the token", 1, 100),
    ("an overage", 1, 300),
    ("an overage of three pages", 1, 2_500),
    ("a storm, groups in the token", 1_000, 100),
    ("a storm of overages", 1_000, 300),
)
"""Name, logins at once, groups of each person."""

Groups = frozenset[str] | None
LogIn = Callable[[User], Awaitable[Groups]]


def run() -> dict[str, Any]:
    """Count."""
    return {
        "name": "p10_graph",
        "unit": "calls and resource units, all logins together",
        "baseline": "a look-up at each login",
        "rows": [row for case in CASES for row in asyncio.run(_rows(*case))],
    }


async def _rows(case: str, logins: int, groups: int) -> list[dict[str, Any]]:
    rows = []
    for side, make in _SIDES.items():
        fake = FakeEntra()
        fake.clock.frozen = fake.clock()
        ids = {fake.group_id(f"g{number}") for number in range(groups)}
        people = [fake.tenant.add_user(f"p{number}") for number in range(logins)]
        for person in people:
            person.groups = ids
        log_in = make(fake)
        found = await asyncio.gather(*(log_in(person) for person in people))
        refused = fake.graph.refused
        if side != "AzureAdOAuthenticator" and not refused:
            assert set(found) == {frozenset(ids)}, "both sides read the same groups"
        rows.append(
            {
                "case": case,
                "side": side,
                "calls": fake.graph.calls,
                "units": fake.graph.identity.spent,
                "worst share of the S budget": f"{fake.graph.identity.worst:.0%}",
                "refused (429)": refused,
                "logins with all groups": sum(one == frozenset(ids) for one in found),
            }
        )
    return rows


def _ours(fake: FakeEntra) -> LogIn:
    settings = EntraSettings.model_validate(fake.settings(timeout="60s"))
    source = EntraSource(
        "entra",
        settings,
        fake.clock,
        ForgetfulSafe(),
        web=FakeWeb(fake),
        now=fake.clock.seconds,
    )

    async def log_in(person: User) -> Groups:
        answer = await source.redeem(fake.browse(await source.redirect(), person.id))
        assert isinstance(answer, Login), answer
        return answer.identity.groups

    return log_in


def _at_each_login(fake: FakeEntra) -> LogIn:
    web = FakeWeb(fake)

    async def log_in(person: User) -> Groups:
        tokens = await _tokens(fake, web, person)
        url: str | None = f"{fake.authority.graph_origin}/v1.0/me/transitiveMemberOf"
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        found: set[str] = set()
        while url:
            reply = await web.get(url, headers=headers)
            if reply.status != 200:
                return None
            page = reply.json()
            found |= {row["id"] for row in page["value"]}
            url = page.get("@odata.nextLink")
        return frozenset(found)

    return log_in


def _azuread(fake: FakeEntra) -> LogIn:
    from oauthenticator.azuread import AzureAdOAuthenticator

    web = FakeWeb(fake)
    authenticator = AzureAdOAuthenticator(
        client_id=fake.app.id, tenant_id=fake.tenant.id, manage_groups=True
    )

    async def log_in(person: User) -> Groups:
        user = await authenticator.token_to_user(await _tokens(fake, web, person))
        return frozenset(await authenticator.get_user_groups({"user": user}))

    return log_in


async def _tokens(fake: FakeEntra, web: FakeWeb, person: User) -> dict[str, Any]:
    source = EntraSource(
        "x", EntraSettings.model_validate(fake.settings()), fake.clock, ForgetfulSafe(), web=web
    )
    grant = fake.browse(await source.redirect(), person.id)
    form = {
        "grant_type": "authorization_code",
        "client_id": fake.app.id,
        "client_secret": next(iter(fake.app.secrets)),
        "code": grant.code,
        "redirect_uri": grant.redirect_uri,
        "code_verifier": grant.verifier,
    }
    reply = await web.post(EntraSettings.model_validate(fake.settings()).endpoint("token"), form)
    found: dict[str, Any] = reply.json()
    return found


_SIDES: dict[str, Callable[[FakeEntra], LogIn]] = {
    "a look-up at each login": _at_each_login,
    "AzureAdOAuthenticator": _azuread,
    "jupyterhub-edu": _ours,
}


if __name__ == "__main__":
    for row in run()["rows"]:
        print(row)
