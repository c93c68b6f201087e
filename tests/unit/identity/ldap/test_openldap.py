import pytest

from jupyterhub_edu.identity.ldap import LdapSettings
from jupyterhub_edu.identity.ldap.client import DirectoryError
from jupyterhub_edu.identity.ldap.connection import BindResult, Entry
from jupyterhub_edu.identity.ldap.dn import format_dn
from jupyterhub_edu.identity.ldap.openldap import OpenLdap
from jupyterhub_edu.ports import utc_now
from tests.unit.identity.ldap.fakes import SETTINGS, FakeDirectory, entry

ANN = entry("uid=ann,ou=People,dc=x", uid="ann")


def dialect(**changes: object) -> OpenLdap:
    return OpenLdap(LdapSettings.model_validate(SETTINGS | changes))


def group(name: str, *members: str) -> Entry:
    return entry(f"cn={name},ou=Groups,dc=x", member=list(members))


def inside(name: str) -> str:
    return f"cn={name},ou=Groups,dc=x"


async def names(dialect: OpenLdap, world: FakeDirectory) -> set[str]:
    found = await dialect.groups(ANN, "ann", world.ask)
    return {format_dn(dn).partition(",")[0] for dn in found}


async def test_every_style_is_found_in_one_search():
    world = FakeDirectory(
        [
            group("names", ANN.dn),
            entry("cn=unique,ou=Groups,dc=x", uniqueMember=ANN.dn),
            entry("cn=posix,ou=Groups,dc=x", memberUid="ann"),
            group("other", "uid=ben,ou=People,dc=x"),
        ]
    )

    assert await names(dialect(), world) == {"CN=names", "CN=unique", "CN=posix"}
    assert len(world.searches) == 1


async def test_one_search_for_five_hundred_courses():
    world = FakeDirectory([group(f"c{number}", ANN.dn) for number in range(500)])

    assert len(await names(dialect(), world)) == 500
    assert len(world.searches) == 1


async def test_groups_in_groups_count_only_when_asked_for():
    world = FakeDirectory([group("in", ANN.dn), group("out", inside("in"))])

    assert await names(dialect(), world) == {"CN=in"}
    assert await names(dialect(nested=True), world) == {"CN=in", "CN=out"}


async def test_a_circle_of_groups_ends():
    world = FakeDirectory(
        [group("a", ANN.dn, inside("c")), group("b", inside("a")), group("c", inside("b"))]
    )

    assert await names(dialect(nested=True), world) == {"CN=a", "CN=b", "CN=c"}


async def test_a_group_reached_in_two_ways_counts_once_and_for_its_own():
    world = FakeDirectory(
        [
            group("a", ANN.dn),
            group("b", ANN.dn),
            group("top-a", inside("a")),
            group("top-b", inside("b"), inside("a")),
        ]
    )
    nested = dialect(nested=True)

    assert await names(nested, world) == {"CN=a", "CN=b", "CN=top-a", "CN=top-b"}
    world.entries = [one for one in world.entries if one.dn != inside("b")]
    assert await names(nested, world) == {"CN=a", "CN=top-a", "CN=top-b"}


async def test_what_groups_lie_in_is_remembered_and_who_is_in_them_is_not():
    world = FakeDirectory([group("in", ANN.dn), group("out", inside("in"))])
    nested = dialect(nested=True)
    await names(nested, world)
    world.searches.clear()

    assert await names(nested, world) == {"CN=in", "CN=out"}
    assert len(world.searches) == 1
    world.entries = [group("in", "uid=ben,dc=x"), group("out", inside("in"))]
    assert await names(nested, world) == set()


async def test_groups_without_end_are_unknown_rather_than_cut_short():
    chain = [group(f"g{number + 1}", inside(f"g{number}")) for number in range(30)]
    world = FakeDirectory([group("g0", ANN.dn), *chain])

    with pytest.raises(DirectoryError, match="deep"):
        await names(dialect(nested=True), world)


@pytest.mark.parametrize(
    ("locked", "out"),
    [
        ([], False),
        (["000001010000Z"], True),
        (["20261121104422Z"], False),  # too many wrong passwords: anybody can do that to anybody
    ],
)
def test_only_an_administrators_lock_puts_an_account_out_of_use(locked, out):
    person = entry("uid=ann,dc=x", pwdAccountLockedTime=locked)

    assert (dialect().out_of_use(person, utc_now()) is not None) is out


def test_a_refused_bind_is_never_final():
    assert not dialect().refusal(BindResult(49, "")).final


async def test_member_uid_is_the_uid_whatever_people_log_in_with():
    world = FakeDirectory([entry("cn=posix,ou=Groups,dc=x", memberUid="ann")])

    found = await dialect().groups(ANN, "ann@fjord.example", world.ask)
    assert [format_dn(dn) for dn in found] == ["CN=posix,OU=Groups,DC=x"]
