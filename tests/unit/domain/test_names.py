"""Names are safe and distinct, whatever comes in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_edu.domain.names import (
    course_group,
    is_our_group,
    make_course_id,
    map_username,
    site_group,
)
from jupyterhub_edu.domain.people import CourseRole, SiteRole

# Texts that fold, compose or strip to each other come up often, so that a collision would.
_NEAR = st.text("aAäÄa\u0308éÉe\u0301ßſsSkK\u212aiIİı1-–_. /\t\u00a0\u200bᾳ", max_size=6)
TEXT = st.one_of(_NEAR, st.text(max_size=70))
SLUG = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A Kubernetes label value without dots and underscores, in lower case."""


@given(TEXT)
def test_a_course_id_is_a_slug_and_its_own_id(key: str) -> None:
    id = make_course_id(key)
    assert SLUG.fullmatch(id)
    assert 1 <= len(id) <= 48
    assert "--" in id or id == key


@given(st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,4}", fullmatch=True))
def test_a_key_that_is_a_slug_is_its_own_id(key: str) -> None:
    assert make_course_id(key) == (key if len(key) <= 48 else make_course_id(key))
    assert (make_course_id(key) == key) == (len(key) <= 48)


def first_collision(make: Callable[[str], str]) -> tuple[str, str] | None:
    """Two different keys with one id, among keys that look alike."""
    ids: dict[str, str] = {}
    stems = [
        "ml",
        "ML",
        "m-l",
        "m--l",
        "m l",
        "ḿl",
        "m\u0301l",
        "ⅿl",
        "ml-",
        "-ml",
        "",
        " ",
        "課程",
    ]
    stems += ["x" * 48, "x" * 49, "x" * 60 + "a", "x" * 60 + "b", "é", "e\u0301", "É", "ml\n"]
    for key in [*stems, *map(make_course_id, stems)]:
        if ids.setdefault(make(key), key) != key:
            return ids[make(key)], key
    return None


@given(TEXT, TEXT)
def test_distinct_keys_have_distinct_ids(one: str, other: str) -> None:
    assert (make_course_id(one) == make_course_id(other)) == (one == other)


def test_keys_that_look_alike_have_distinct_ids() -> None:
    alike = first_collision(make_course_id)
    assert alike is None or alike[1] == make_course_id(alike[0])  # an id is its own key


def test_a_slug_without_a_fingerprint_would_be_caught() -> None:
    def plain(key: str) -> str:
        folded = unicodedata.normalize("NFKD", key).encode("ascii", "ignore").decode().lower()
        return "-".join(re.findall("[a-z0-9]+", folded))[:48]

    assert first_collision(plain) == ("ml", "ML")


@given(TEXT, st.sampled_from(CourseRole))
def test_a_course_group_is_ours_and_names_one_course_role(key: str, role: CourseRole) -> None:
    group = course_group(make_course_id(key), role)
    assert is_our_group(group)
    assert group.split(":") == ["edu", make_course_id(key), str(role)]


def test_groups_of_others_are_not_ours() -> None:
    assert is_our_group(site_group(SiteRole.TEACHER))
    for name in ("education:ml:teacher", "EDU:ml:teacher", "staff", "", "edu", " edu:ml:teacher"):
        assert not is_our_group(name)


# -- accounts ------------------------------------------------------------------------------------------------------

ACCOUNTS: dict[str, tuple[str, str | None]] = {
    "a plain login is its own name": ("ada", "ada"),
    "capitals are folded": ("Ada.Lovelace", "ada.lovelace"),
    "blanks around it are taken off": (" ada\t", "ada"),
    "two spellings of an accent are one": ("Jose\u0301", "josé"),
    "sharp s is folded": ("Straße", "strasse"),
    "a mail address may be a name": ("ada@uni.example", "ada@uni.example"),
    "other scripts may be names": ("Ольга", "ольга"),
    "128 characters fit": ("x" * 128, "x" * 128),
    "129 do not": ("x" * 129, None),
    "nor do 65 that fold to 130": ("ß" * 65, None),
    "nothing is no name": ("", None),
    "blanks are no name": ("  ", None),
    "a folder is no name": (".", None),
    "nor is the one above": ("..", None),
    "a blank within": ("ada lovelace", None),
    "a slash": ("ada/../root", None),
    "a backslash": ("UNI\\ada", None),
    "markup": ("<script>", None),
    "a quote": ('ada"', None),
    "a percent sign": ("ada%2f", None),
    "a question mark": ("ada?x", None),
    "NUL": ("ada\0", None),
    "a line break within": ("ada\nroot", None),
    "a no-break space within": ("ada\u00a0b", None),
    "an invisible character": ("ada\u200b", None),
    "text that turns around": ("ada\u202egnp", None),
    "half a surrogate pair": ("ada\ud800", None),
    "a private character": ("ada\ue000", None),
}


@pytest.mark.parametrize(("login", "name"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_account(login: str, name: str | None) -> None:
    assert map_username(login) == name


@given(TEXT)
def test_an_account_name_is_safe_and_its_own_name(login: str) -> None:
    name = map_username(login)
    if name is None:
        return
    assert map_username(name) == name
    assert 1 <= len(name) <= 128
    assert not re.search(r"[\s/\\?#%<>\"'`\x00-\x1f\x7f]", name)
    assert name not in {".", ".."}
    assert unicodedata.is_normalized("NFC", name)


@given(TEXT)
def test_spellings_of_one_login_are_one_account(login: str) -> None:
    name = map_username(login)
    assert map_username(unicodedata.normalize("NFD", login)) == name
    assert map_username(f" {login} ") == name
