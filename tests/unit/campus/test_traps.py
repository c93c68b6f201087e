"""YAML's traps, each by its name."""

import pytest

from .conftest import SMALL

# What is replaced in the small campus file, by what (in pairs), and every mistake that is then reported.
ROWS = {
    "NO where text is meant": (
        [
            "codes: [INF4490]",
            "codes: [NO]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads NO as false; write false, or "NO" if text is meant',
        ],
    ),
    "off where a word is meant": (
        [
            "    codes: [INF4490]",
            "    state: off",
        ],
        [
            'campus.yaml:57: courses.ml.state: YAML reads off as false; write false, or "off" if text is meant',
        ],
    ),
    "yes where true is meant": (
        [
            "adopt: true",
            "adopt: yes",
        ],
        [
            'campus.yaml:13: sources.ad.adopt: YAML reads yes as true; write true, or "yes" if text is meant',
        ],
    ),
    "a number that begins with 0": (
        [
            "count: 4",
            "count: 010",
        ],
        [
            'campus.yaml:27: flavors.t4.count: YAML reads 010 as 8; write 8, or "010" if text is meant',
        ],
    ),
    "a code that begins with 0": (
        [
            "codes: [INF4490]",
            "codes: [010]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads 010 as 8; write 8, or "010" if text is meant',
        ],
    ),
    "a code with a colon": (
        [
            "codes: [INF4490]",
            "codes: [10:15]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads 10:15 as a number in base 60; write "10:15"',
        ],
    ),
    "a code with a point": (
        [
            "codes: [INF4490]",
            "codes: [6.0001]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads 6.0001 as the number 6.0001; write "6.0001" in quotes',
        ],
    ),
    "a course key with a point": (
        [
            "  intro:",
            "  6.0001:",
        ],
        [
            'campus.yaml:60: courses."6.0001": YAML reads this key as a number; write "6.0001" in quotes',
        ],
    ),
    "a course key of digits": (
        [
            "  intro:",
            "  4490:",
        ],
        [
            'campus.yaml:60: courses.4490: YAML reads this key as a number; write "4490" in quotes',
        ],
    ),
    "a course key that means false": (
        [
            "  intro:",
            "  NO:",
        ],
        [
            'campus.yaml:60: courses.NO: YAML reads this key as a truth value; write "NO" in quotes',
        ],
    ),
    "a course key that is a date": (
        [
            "  intro:",
            "  2026-10-01:",
        ],
        [
            'campus.yaml:60: courses.2026-10-01: YAML reads this key as a date; write "2026-10-01" in quotes',
        ],
    ),
    "a code that is a date": (
        [
            "codes: [INF4490]",
            "codes: [2026-10-01]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads 2026-10-01 as the day 2026-10-01; write "2026-10-01" in quotes',
        ],
    ),
    "a day that no month has": (
        [
            "until: 2026-12-18",
            "until: 2026-02-30",
        ],
        [
            'campus.yaml:22: terms.h26.until: no such day: "2026-02-30"; look at the calendar',
        ],
    ),
    "a number with an underscore": (
        [
            "count: 4",
            "count: 1_000",
        ],
        [
            'campus.yaml:27: flavors.t4.count: YAML reads 1_000 as 1000; write 1000, or "1_000" if text is meant',
        ],
    ),
    "a number in base 16": (
        [
            "count: 4",
            "count: 0x10",
        ],
        [
            'campus.yaml:27: flavors.t4.count: YAML reads 0x10 as 16; write 16, or "0x10" if text is meant',
        ],
    ),
    "a number with an exponent": (
        [
            "codes: [INF4490]",
            "codes: [1.0e+3]",
        ],
        [
            'campus.yaml:57: courses.ml.codes[0]: YAML reads 1.0e+3 as a number; write it out, or "1.0e+3" if text is meant',
        ],
    ),
    "a number without end": (
        [
            "count: 4",
            "count: .inf",
        ],
        [
            'campus.yaml:27: flavors.t4.count: YAML reads .inf as a number; write it out, or ".inf" if text is meant',
        ],
    ),
    "a key that stands twice": (
        [
            "    count: 4",
            "    count: 4\n    count: 5",
        ],
        [
            "campus.yaml:28: flavors.t4.count: stands twice; first in line 27; keep one of them",
        ],
    ),
    "a tab": (
        [
            "    count: 4",
            "\tcount: 4",
        ],
        [
            "campus.yaml:27: a tab in the indentation; YAML indents with blanks only",
        ],
    ),
    "a bracket that is never closed": (
        [
            "    count: 4",
            "    count: [4",
        ],
        [
            "campus.yaml:28: not YAML: expected ',' or ']', but got ':'",
        ],
    ),
    "text with a colon": (
        [
            "name: Fjord",
            "name: Fjord: University",
        ],
        [
            "campus.yaml:1: not YAML: mapping values are not allowed here; quote text that holds ': '",
        ],
    ),
    "a second document": (
        [
            "name: Fjord",
            "name: Fjord\n---",
        ],
        [
            "campus.yaml:2: a second document (---); keep one document in a file",
        ],
    ),
    "a tag that would run code": (
        [
            "count: 4",
            "count: !!python/object:os.system 4",
        ],
        [
            'campus.yaml:27: flavors.t4.count: a tag that is not allowed here: "!!python/object:os.system"; take it out',
        ],
    ),
    "a tag of another program": (
        [
            "name: Fjord",
            "name: !secret Fjord",
        ],
        [
            'campus.yaml:1: name: a tag that is not allowed here: "!secret"; take it out',
        ],
    ),
    "a tag for bytes": (
        [
            "name: Fjord",
            "name: !!binary aGVsbG8=",
        ],
        [
            'campus.yaml:1: name: a tag that is not allowed here: "!!binary"; take it out',
        ],
    ),
    "an alias that holds itself": (
        [
            "    kubespawner: {environment: {A: b}}",
            "    kubespawner: &a {environment: *a}",
        ],
        [
            "campus.yaml:1: an alias holds itself; write it out without aliases",
        ],
    ),
    "an empty file": (
        [
            SMALL,
            "",
        ],
        [
            "campus.yaml: the file is empty",
        ],
    ),
    "a list instead of keys": (
        [
            SMALL,
            "- a\n",
        ],
        [
            "campus.yaml: not a campus file: it must hold keys such as name: and courses:",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=ROWS)
def test_is_told_with_its_place_and_its_fix(mistakes, changes, expected):
    assert mistakes(*changes) == expected
