from datetime import UTC, datetime
from uuid import UUID

import pytest

from jupyterhub_edu.identity.ldap import LdapSettings
from jupyterhub_edu.identity.ldap.active_directory import ActiveDirectory
from jupyterhub_edu.identity.ldap.connection import BindResult, Entry
from jupyterhub_edu.identity.ldap.dialect import NotReadable, id_octets, id_text, sid_text
from jupyterhub_edu.identity.ldap.dn import format_dn
from tests.unit.identity.ldap.fakes import SETTINGS, FakeDirectory, entry, octets, sid

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ML, STAFF, USERS = sid(21, 1, 2, 3, 1101), sid(21, 1, 2, 3, 1102), sid(21, 1, 2, 3, 513)
ANN = "CN=Ann,OU=People,DC=x"


def dialect(**changes: object) -> ActiveDirectory:
    return ActiveDirectory(
        LdapSettings.model_validate(SETTINGS | {"schema": "active-directory"} | changes)
    )


class FakeDomain(FakeDirectory):
    """Compares objectSid with the spelt form, as a domain controller does."""

    async def ask(self, search):
        if search.scope == "BASE":
            return await super().ask(search)
        self.searches.append(search)
        spelt = {
            octets(part).decode() for part in search.filter.replace(")", "(").split("(objectSid=")
        }
        wanted = {part.strip("(|") for part in spelt}
        return [
            one
            for one in self.entries
            if one.octets("objectSid") and sid_text(one.octets("objectSid")[0]) in wanted
        ]


def domain(tokens: list[bytes]) -> FakeDomain:
    person = Entry(ANN, {"tokengroups": tuple(tokens)})
    return FakeDomain(
        [
            person,
            entry("CN=ml,OU=Groups,DC=x", objectSid=ML),
            entry("CN=staff,OU=Groups,DC=x", objectSid=STAFF),
        ]
    )


async def names(dialect: ActiveDirectory, world: FakeDirectory, person: Entry) -> set[str]:
    return {format_dn(dn) for dn in await dialect.groups(person, "ann", world.ask)}


async def test_sids_are_looked_up_once():
    world, ad = domain([ML, USERS]), dialect()

    assert await names(ad, world, world.entries[0]) == {"CN=ml,OU=Groups,DC=x"}
    assert len(world.searches) == 2
    world.searches.clear()
    assert await names(ad, world, world.entries[0]) == {"CN=ml,OU=Groups,DC=x"}
    assert len(world.searches) == 1, "the SIDs are known, those of no group of ours as well"


async def test_membership_itself_is_not_remembered():
    world, ad = domain([ML, STAFF]), dialect()
    await names(ad, world, world.entries[0])
    world.entries[0] = Entry(ANN, {"tokengroups": (STAFF,)})

    assert await names(ad, world, world.entries[0]) == {"CN=staff,OU=Groups,DC=x"}


async def test_nobody_is_in_no_group_so_none_means_may_not_be_read():
    world = domain([])

    with pytest.raises(NotReadable, match="Windows Authorization Access Group"):
        await names(dialect(), world, world.entries[0])


async def test_direct_groups_are_those_named_by_the_entry_and_the_primary_one():
    world = domain([])
    world.entries.append(entry("CN=students,OU=Groups,DC=x", objectSid=sid(21, 1, 2, 3, 1200)))
    person = Entry(
        ANN,
        {
            "memberof": (b"CN=ml,OU=groups,DC=x", b"CN=choir,OU=Elsewhere,DC=x"),
            "primarygroupid": (b"1200",),
            "objectsid": (sid(21, 1, 2, 3, 4000),),
        },
    )

    found = await names(dialect(nested=False), world, person)
    assert found == {"CN=ml,OU=groups,DC=x", "CN=students,OU=Groups,DC=x"}


async def test_direct_groups_without_a_primary_one_are_not_everything():
    with pytest.raises(NotReadable, match="primaryGroupID"):
        await names(dialect(nested=False), domain([]), entry(ANN, memberOf="CN=ml,OU=Groups,DC=x"))


def ticks(year: int) -> str:
    since_1601 = datetime(year, 1, 1, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    return str(since_1601.days * 86_400 * 10_000_000)


@pytest.mark.parametrize(
    ("control", "expires", "out"),
    [
        ("512", "0", False),
        ("512", "9223372036854775807", False),
        ("512", "9223372036854775000", False),
        ("512", ticks(2027), False),
        ("512", ticks(2026), True),
        ("514", "0", True),
        ("66050", "0", True),
        ("528", "0", False),  # locked out after wrong passwords: anybody can do that to anybody
        ("512", "", False),
    ],
)
def test_disabled_and_expired_accounts_are_out_of_use(control, expires, out):
    person = entry(ANN, userAccountControl=control, accountExpires=expires)

    assert (dialect().out_of_use(person, NOW) is not None) is out


def test_an_account_state_that_may_not_be_read_is_unknown():
    with pytest.raises(NotReadable, match="userAccountControl"):
        dialect().out_of_use(entry(ANN), NOW)


@pytest.mark.parametrize(
    ("code", "words", "final"),
    [
        ("52e", "wrong name or password", False),
        ("525", "no such person", False),
        ("533", "disabled", True),
        ("701", "expired", True),
        ("532", "password has expired", False),
        ("773", "must be changed", False),
        ("775", "locked", False),
        ("999", "result 49", False),
    ],
)
def test_the_sub_code_says_why(code, words, final):
    message = f"80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {code}, v4563\x00"
    refusal = dialect().refusal(BindResult(49, message))

    assert words in refusal.why
    assert refusal.final is final


def test_ids_are_told_as_people_write_them():
    guid = UUID("568af151-4387-468b-a5b4-a9fda1fe893a")
    person = entry(
        ANN, objectGUID=guid.bytes_le, objectSid=ML, entryUUID="abc", nsUniqueId=["a", "b"]
    )

    assert id_text("objectGUID", person) == str(guid)
    assert id_octets("objectGUID", str(guid)) == guid.bytes_le
    assert id_text("objectSid", person) == "S-1-5-21-1-2-3-1101"
    assert id_text("entryUUID", person) == "abc"
    assert id_text("nsUniqueId", person) is None, "two are none"
    assert id_text("employeeNumber", person) is None
    with pytest.raises(ValueError, match="badly formed"):
        id_octets("objectGUID", "ann")
