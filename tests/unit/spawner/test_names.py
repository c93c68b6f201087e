"""Whatever people and courses are called, two of them never share an account, a group, a pod, a claim or a label."""

from __future__ import annotations

import os
import random
import unicodedata

import pytest
from kubespawner.slugs import is_valid_label, is_valid_object_name, multi_slug, safe_slug

from jupyterhub_edu.domain.names import course_group, is_our_group, make_course_id, map_username
from jupyterhub_edu.domain.people import CourseRole, person_key
from tests.fakes.kube import FakeCluster, a_kube_spawner
from tests.fakes.names import pairs

COUNTS = {"quick": 10_000, "full": 100_000, "long": 1_000_000}


@pytest.fixture
def count() -> int:
    """Pairs to try: few in ``make check``, 10^5 in ``make test``, 10^6 in ``make test-long``."""
    return COUNTS[os.environ.get("HYPOTHESIS_PROFILE", "full")]


@pytest.fixture
def seed() -> int:
    """Printed where a test fails; EDU_NAMES_SEED repeats it."""
    found = int(os.environ.get("EDU_NAMES_SEED") or random.SystemRandom().randrange(10**6))
    print(f"EDU_NAMES_SEED={found}")
    return found


def caseless(name: str) -> str:
    """The Unicode Standard's canonical caseless match (D145): equal for texts that are one to whoever types them."""
    decomposed = unicodedata.normalize("NFD", name.strip())
    return unicodedata.normalize("NFD", decomposed.casefold())


@pytest.mark.hypothesis
def test_two_logins_share_an_account_only_if_they_are_spellings_of_one(count: int, seed: int):
    shared = 0
    for one, other in pairs(count, seed):
        accounts = map_username(one), map_username(other)
        if accounts[0] is not None and accounts[1] is not None:
            assert (accounts[0] == accounts[1]) == (caseless(one) == caseless(other))
            shared += accounts[0] == accounts[1]
    assert shared, "pairs that are spellings of one login come up"


@pytest.mark.hypothesis
def test_two_people_and_two_courses_share_no_key_and_no_group(count: int, seed: int):
    for one, other in pairs(count, seed):
        assert person_key("ad", one) != person_key("ad", other)
        courses = make_course_id(one), make_course_id(other)
        assert courses[0] != courses[1]
        groups = [course_group(course, CourseRole.STUDENT) for course in courses]
        assert groups[0] != groups[1]
        assert all(is_our_group(group) for group in groups)
        assert all(is_valid_label(course) for course in courses)


def slug_of(account: str) -> str:
    """What KubeSpawner puts into the names of somebody's pod and claim."""
    slug: str = safe_slug(account, max_length=48)
    return slug if len(slug) + len("--") <= 48 else str(multi_slug([account, ""], max_length=48))


def two_accounts(one: str, other: str) -> tuple[str, str] | None:
    mine, theirs = map_username(one), map_username(other)
    return None if mine is None or theirs is None or mine == theirs else (mine, theirs)


@pytest.mark.hypothesis
def test_two_accounts_share_no_pod_no_claim_and_no_label(count: int, seed: int):
    tried = 0
    for accounts in filter(None, (two_accounts(*pair) for pair in pairs(count, seed))):
        tried += 1
        slugs = [slug_of(account) for account in accounts]
        labels = [safe_slug(account, is_valid=is_valid_label) for account in accounts]
        assert slugs[0] != slugs[1]
        assert labels[0] != labels[1]
        assert all(is_valid_object_name(slug) for slug in slugs)
        assert all(is_valid_label(label) for label in labels)
    assert tried > count // 10


def test_pods_and_claims_are_called_by_the_slug(monkeypatch: pytest.MonkeyPatch):
    spawner = a_kube_spawner(FakeCluster(), monkeypatch)
    for accounts in filter(None, (two_accounts(*pair) for pair in pairs(200, 7))):
        for account in accounts:
            spawner.user.name = account
            expand, slug = spawner._expand_user_properties, slug_of(account)
            assert expand(spawner.pod_name_template) == f"jupyter-{slug}"
            assert expand(spawner.pvc_name_template) == f"claim-{slug}"


def test_a_name_without_its_fingerprint_would_be_caught():
    """The pairs find what they are for: slugs without a hash collide."""
    assert any(plain(one) == plain(other) for one, other in pairs(1000, 7))


def plain(name: str) -> str:
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in name.lower())
