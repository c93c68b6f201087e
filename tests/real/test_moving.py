"""A hub that was in use before is switched on and off again; nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.directories.slapd import Slapd

from .school import GPU, School
from .story import Story


def plain(slapd: Slapd) -> str:
    """The hub before and after: LDAPAuthenticator, KubeSpawner, one GPU for everybody."""
    address = urlsplit(slapd.url)
    return f"""
c.JupyterHub.authenticator_class = "ldapauthenticator.LDAPAuthenticator"
c.LDAPAuthenticator.server_address = {address.hostname!r}
c.LDAPAuthenticator.server_port = {address.port!r}
c.LDAPAuthenticator.tls_strategy = "on_connect"
c.LDAPAuthenticator.tls_kwargs = {{"ca_certs_file": {slapd.ca!r}}}
c.LDAPAuthenticator.lookup_dn = True
c.LDAPAuthenticator.lookup_dn_search_user = {slapd.bind_dn!r}
c.LDAPAuthenticator.lookup_dn_search_password = {slapd.bind_password!r}
c.LDAPAuthenticator.lookup_dn_user_dn_attribute = "uid"
c.LDAPAuthenticator.user_search_base = {slapd.people!r}
c.LDAPAuthenticator.user_attribute = "uid"
c.LDAPAuthenticator.allow_all = True
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.mem_limit = "1G"
c.KubeSpawner.mem_guarantee = "128M"
c.KubeSpawner.extra_resource_limits = {{"{GPU}": "1"}}
"""


def accounts(school: School) -> dict[str, list[str]]:
    """Accounts with the hub groups that are not ours."""
    return {
        user["name"]: [name for name in user["groups"] if not name.startswith("edu:")]
        for user in school.hub.api("users").json()
    }


def started(school: School, login: str) -> str:
    """Start somebody's server on the plain hub; the pod's uid."""
    reply = school.browser(login).get("/hub/spawn")
    assert reply.status_code == 200, school.hub.tail()
    school.lab(login)
    uid: str = school.pods()[login]["metadata"]["uid"]
    return uid


def test_a_hub_that_was_in_use_is_switched_on_and_off(
    slapd: Slapd, open_school: Any, tell_story: Any
) -> None:
    story: Story = tell_story("a hub in use is switched on and off again (hub 6.1, OpenLDAP)")
    school: School = open_school(
        slapd, "6.1", before=plain(slapd), source={"adopt": True}, pod_security="baseline"
    )
    started(school, "s-ml")
    school.contents("s-ml", "thesis.txt", "three years of work")
    school.stop("s-ml")
    running = started(school, "a-ml")
    assert "jupyterhub-edu/admission" not in school.pods()["a-ml"]["metadata"]["labels"]
    for name, members in {"chess": ["s-ml"], "empty": []}.items():
        school.hub.api(f"groups/{name}", method="POST", json={"users": members})
    before = accounts(school), school.claims()
    assert before[0] == {"s-ml": ["chess"], "a-ml": []}
    story.tell("LDAPAuthenticator and KubeSpawner: s-ml has a home with a file, a-ml a server")

    school.reconfigure()
    switched_on(school, story, running, before[1])
    assert accounts(school) == {**before[0], "both": [], "t-ml": []}
    assert "empty" in {group["name"] for group in school.hub.api("groups").json()}
    story.tell("the accounts keep their names and their own groups; empty groups stay")

    school.reconfigure(plain(slapd))
    story.tell("switched off")
    ours = school.pods()["s-ml"]["metadata"]["uid"]
    assert "JupyterLab" in school.lab("s-ml").text
    assert school.pods()["s-ml"]["metadata"]["uid"] == ours
    assert school.pods()["a-ml"]["metadata"]["uid"] == running
    story.tell("both servers go on")
    school.stop("s-ml")
    started(school, "s-ml")
    assert "jupyterhub-edu/admission" not in school.pods()["s-ml"]["metadata"]["labels"]
    assert school.contents("s-ml", "thesis.txt") == "three years of work"
    assert before[1].items() <= school.claims().items()
    assert accounts(school)["s-ml"] == ["chess"]
    story.tell("s-ml starts a plain server again: the same home, the same file")
    school.stop("a-ml")
    assert GPU in school.pods()["s-ml"]["spec"]["containers"][0]["resources"]["limits"]


def switched_on(school: School, story: Story, running: str, claims: Mapping[str, str]) -> None:
    """The same hub with the one line."""
    assert school.start("s-ml", "ml/gpu").status_code == 302, school.hub.tail()
    story.tell("switched on with adopt: s-ml takes the account over and starts a GPU notebook")
    assert school.contents("s-ml", "thesis.txt") == "three years of work"
    assert claims.items() <= school.claims().items()
    groups = school.hub.api("users/s-ml").json()["groups"]
    assert sorted(groups) == ["chess", "edu:ml:student"]
    story.tell("the file is there, in the same volume; group chess beside edu:ml:student")

    refused = school.start_by_rest("both", "ml/gpu")
    assert refused.status_code == 409
    assert [one["code"] for one in refused.json()["reasons"]] == ["no-capacity"]
    story.tell("a third GPU is refused, no-capacity: a-ml's pod, which is not ours, counts")
    assert school.who_is_on("t-ml") == ["s-ml"]
    assert school.pods()["a-ml"]["metadata"]["uid"] == running
    assert "JupyterLab" in school.lab("a-ml").text
    story.tell("a-ml's pod goes on, untouched, and answers")
