import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_edu.identity.ldap.dn import dn_key, format_dn, is_below, parse_dn, rdn_value

SAME = {
    "as it should be": "CN=ml,OU=Courses,DC=fjord,DC=example",
    "types in lower case": "cn=ml,ou=Courses,dc=fjord,dc=example",
    "blanks around separators": " CN = ml , OU=Courses,DC=fjord , DC = example ",
    "other case": "CN=ML,OU=courses,DC=FJORD,DC=example",
    "semicolons": "CN=ml;OU=Courses;DC=fjord;DC=example",
    "letters as hex": "CN=\\6dl,OU=Courses,DC=fjord,DC=example",
}


@pytest.mark.parametrize("spelling", SAME)
def test_one_name_in_several_spellings_has_one_key(spelling):
    assert dn_key(parse_dn(SAME[spelling])) == dn_key(parse_dn(SAME["as it should be"]))


WRITTEN = {
    "a comma in the name": ("cn=Smith\\2C Jo,dc=x", "CN=Smith\\, Jo,DC=x"),
    "a hash in front": ("cn=\\23one", "CN=\\#one"),
    "a letter beyond ASCII": ("cn=M\\C3\\BCller", "CN=Müller"),
    "a decomposed letter": ("cn=Mu\u0308ller", "CN=Müller"),
    "a blank at the end": ("cn=x\\20,dc=y", "CN=x\\ ,DC=y"),
    "two parts in one": ("uid=b+cn=a,dc=x", "CN=a+UID=b,DC=x"),
    "a line break": ("cn=a\\0Ab", "CN=a\\0Ab"),
    "octets that are no text": ("cn=\\FF", "CN=\\\\xff"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_name_is_written_in_one_spelling(case):
    received, written = WRITTEN[case]

    assert format_dn(parse_dn(received)) == written


@pytest.mark.parametrize(
    "text", ["ml", "=x", "cn", "cn=a,,dc=b", "cn=a,b", "1x=y", "c n=x", "cn=a,"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match="not a distinguished name"):
        parse_dn(text)


values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(values, min_size=1, max_size=4))
@example(["x, OU=Courses", "fjord"])
@example([" ", "\\"])
@example(["a\\ ", "#"])
def test_every_value_survives_and_forges_no_part(parts):
    dn = parse_dn(
        ",".join("cn=" + "".join(f"\\{octet:02x}" for octet in part.encode()) for part in parts)
    )

    assert len(dn) == len(parts)
    assert parse_dn(format_dn(dn)) == dn


def test_a_group_whose_name_looks_like_a_place_does_not_stand_there():
    forged = parse_dn("cn=ml-staff\\,OU\\=Courses\\,DC\\=fjord,ou=Clubs,dc=fjord")

    assert not is_below(forged, parse_dn("ou=Courses,dc=fjord"))
    assert format_dn(forged).startswith("CN=ml-staff\\,")


@pytest.mark.parametrize(
    ("name", "base", "below"),
    [
        ("cn=a,ou=B,dc=c", "OU=b,DC=c", True),
        ("ou=B,dc=c", "ou=b,dc=c", True),
        ("dc=c", "ou=b,dc=c", False),
        ("cn=a,dc=c", "ou=b,dc=c", False),
        ("cn=a,dc=c", "", True),
    ],
)
def test_below(name, base, below):
    assert is_below(parse_dn(name), parse_dn(base)) is below


def test_the_naming_value():
    assert rdn_value(parse_dn("cn=ml\\, two,dc=x")) == "ml, two"
    assert rdn_value(()) == ""
