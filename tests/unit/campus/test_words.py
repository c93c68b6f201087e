"""Words that name nothing: the nearest right one is told."""

import pytest

# What is replaced in the small campus file, by what (in pairs), and every mistake that is then reported.
ROWS = {
    "a course role that does not exist": (
        [
            "    student: [notebook]",
            "    students: [notebook]",
        ],
        [
            "campus.yaml:49: course_defaults.offers.students: no such course role; did you mean student?",
        ],
    ),
    "a course role with a letter missing": (
        [
            "people: {teacher:",
            "people: {teachr:",
        ],
        [
            "campus.yaml:58: courses.ml.people.teachr: no such course role; did you mean teacher?",
        ],
    ),
    "a profile that does not exist": (
        [
            "teacher: [notebook, gpu]",
            "teacher: [notebook, gpuu]",
        ],
        [
            'campus.yaml:50: course_defaults.offers.teacher[1]: no such profile: "gpuu"; did you mean gpu?',
        ],
    ),
    "a flavor that a profile misspells": (
        [
            "flavor: t4",
            "flavor: t5",
        ],
        [
            'campus.yaml:36: profiles.gpu.flavor: no such flavor: "t5"; did you mean t4?',
        ],
    ),
    "a flavor that a cap misspells": (
        [
            "student: {servers: 1, t4: 1}",
            "student: {servers: 1, t44: 1}",
        ],
        [
            'campus.yaml:52: course_defaults.caps.student.t44: no such flavor: "t44"; did you mean t4?',
        ],
    ),
    "a flavor that a quota misspells": (
        [
            "quota: {t4: 2}",
            "quota: {t5: 2}",
        ],
        [
            'campus.yaml:62: courses.intro.quota.t5: no such flavor: "t5"; did you mean t4?',
        ],
    ),
    "a source that a rule misspells": (
        [
            '{source: ad, group: "CN=Staff,*"',
            '{source: da, group: "CN=Staff,*"',
        ],
        [
            'campus.yaml:19: rules[0].source: no such source: "da"; did you mean ad?',
        ],
    ),
    "an admin of a source that does not exist": (
        [
            'admins: ["ad:kari"]',
            'admins: ["add:kari"]',
        ],
        [
            'campus.yaml:3: admins[0]: no such source: "add"; did you mean ad?',
        ],
    ),
    "an admin without source": (
        [
            'admins: ["ad:kari"]',
            "admins: [kari]",
        ],
        [
            'campus.yaml:3: admins[0]: not a person: "kari"; write "source:login"',
        ],
    ),
    "a term that a course misspells": (
        [
            "    term: h26\n    codes",
            "    term: h62\n    codes",
        ],
        [
            'campus.yaml:56: courses.ml.term: no such term: "h62"; did you mean h26?',
        ],
    ),
    "a default that is no choice": (
        [
            "default: one",
            "default: on_e",
        ],
        [
            'campus.yaml:42: profiles.gpu.options.devices.default: no such choice: "on_e"; did you mean one?',
        ],
    ),
    "a site role that does not exist": (
        [
            "site_role: teacher",
            "site_role: techer",
        ],
        [
            'campus.yaml:19: rules[0].site_role: no such site role: "techer"; did you mean teacher?',
        ],
    ),
    "a course role that a rule misspells": (
        [
            "course_role: student",
            "course_role: studnt",
        ],
        [
            'campus.yaml:20: rules[1].course_role: no such course role: "studnt"; did you mean student?',
        ],
    ),
    "a type of source that does not exist": (
        [
            "type: roster",
            "type: rooster",
        ],
        [
            'campus.yaml:15: sources.roster.type: no such source type: "rooster"; did you mean roster?',
        ],
    ),
    "a key that the file does not have": (
        [
            "stale_after: 12h",
            "stale_aftr: 12h",
        ],
        [
            "campus.yaml:4: stale_aftr: no such key; did you mean stale_after?",
        ],
    ),
    "a key that no source has": (
        [
            "    adopt: true",
            "    adpt: true",
        ],
        [
            "campus.yaml:13: sources.ad.adpt: no such key; did you mean adopt?",
        ],
    ),
    "a key inside a source's settings": (
        [
            "bind: {dn:",
            "bind: {dnn: x, dn:",
        ],
        [
            "campus.yaml:12: sources.ad.bind.dnn: no such key; did you mean dn?",
        ],
    ),
    "a source without a setting that it needs": (
        [
            "    passwords: passwords.txt\n",
            "",
        ],
        [
            "campus.yaml:14: sources.roster.passwords: is missing; add it: File with one person:hash a line, argon2 hashes only",
        ],
    ),
    "a file without a key that it needs": (
        [
            "time_zone: Europe/Oslo\n",
            "",
        ],
        [
            "campus.yaml:1: time_zone: is missing; add it: IANA name such as Europe/Oslo; days begin and end in it",
        ],
    ),
    "a time zone that does not exist": (
        [
            "Europe/Oslo",
            "Europe/Olso",
        ],
        [
            'campus.yaml:2: time_zone: no such time zone: "Europe/Olso"; did you mean Europe/Oslo?',
        ],
    ),
    "a course that a rule misspells": (
        [
            "course_role: student}",
            'course_role: student}\n  - {source: ad, group: "CN=x,*", course_role: student, course: mll}',
        ],
        [
            'campus.yaml:21: rules[2].course: no such course: "mll"; did you mean ml?',
        ],
    ),
    "what the desk does not change anyhow, locked": (
        [
            "    codes: [INF4490]",
            "    locked: [offers, caps.student, quota.t4, window, quota.t5]",
        ],
        [
            'campus.yaml:57: courses.ml.locked[3]: no such field of the desk: "window"; did you mean windows?',
            'campus.yaml:57: courses.ml.locked[4]: no such field of the desk: "quota.t5"; did you mean quota.t4?',
        ],
    ),
    "ceilings of what there is not": (
        [
            "stale_after",
            "ceilings: {adjust: {offers: {student: [gpux]}, caps: {student: {cpu: 1}}}}\nstale_after",
        ],
        [
            "campus.yaml:4: ceilings.adjust.caps.student.cpu: counts devices, and flavors.cpu has none; take it out",
            'campus.yaml:4: ceilings.adjust.offers.student[0]: no such profile: "gpux"; did you mean gpu?',
        ],
    ),
    "a state that does not exist": (
        [
            "    codes: [INF4490]",
            "    state: opn",
        ],
        [
            'campus.yaml:57: courses.ml.state: no such state: "opn"; did you mean open?',
        ],
    ),
    "a kind of inventory that does not exist": (
        [
            "stale_after: 12h",
            "inventory: clustre",
        ],
        [
            'campus.yaml:4: inventory: no such inventory: "clustre"; did you mean cluster?',
        ],
    ),
    "a setting that KubeSpawner does not have": (
        [
            "{environment: {A: b}}",
            "{enviroment: {A: b}}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.enviroment: KubeSpawner has no such setting; did you mean environment?",
        ],
    ),
    "a word in a pattern that is misspelt": (
        [
            '"CN=<course>,OU=<term>,*"',
            '"CN=<cource>,OU=<term>,*"',
        ],
        [
            'campus.yaml:20: rules[1].group: no such word in <>: "cource"; did you mean course?',
        ],
    ),
    "text where a number belongs": (
        [
            "count: 4",
            'count: "4"',
        ],
        [
            "campus.yaml:27: flavors.t4.count: must be a whole number, not text",
        ],
    ),
    "half a device": (
        [
            "count: 4",
            "count: 4.5",
        ],
        [
            "campus.yaml:27: flavors.t4.count: must be a whole number, not the number 4.5",
        ],
    ),
    "a mapping where a list belongs": (
        [
            "codes: [INF4490]",
            "codes: {a: b}",
        ],
        [
            "campus.yaml:57: courses.ml.codes: must be a list ([one, two]), not a mapping",
        ],
    ),
    "text where a list belongs": (
        [
            "codes: [INF4490]",
            "codes: INF4490",
        ],
        [
            "campus.yaml:57: courses.ml.codes: must be a list ([one, two]), not text",
        ],
    ),
    "text where true or false belongs": (
        [
            "adopt: true",
            'adopt: "true"',
        ],
        [
            "campus.yaml:13: sources.ad.adopt: must be true or false, not text",
        ],
    ),
    "a length of time without unit": (
        [
            "stale_after: 12h",
            "stale_after: 12",
        ],
        [
            "campus.yaml:4: stale_after: not a length of time; write for example 30s, 5m, 4h or 1d",
        ],
    ),
    "a day in another order": (
        [
            "until: 2026-12-18",
            "until: 18.12.2026",
        ],
        [
            "campus.yaml:22: terms.h26.until: not a day; write year-month-day, for example 2026-08-17",
        ],
    ),
    "a day with a time": (
        [
            "until: 2026-12-18",
            "until: 2026-12-18 10:00:00",
        ],
        [
            "campus.yaml:22: terms.h26.until: not a day; write year-month-day, for example 2026-08-17",
        ],
    ),
    "CPU in words": (
        [
            "cpu: {limit: 4}",
            "cpu: {limit: four}",
        ],
        [
            "campus.yaml:38: profiles.gpu.cpu.limit: not a CPU amount: 'four'; write cores such as 0.5 or millicores such as \"500m\"",
        ],
    ),
    "memory in another unit": (
        [
            "memory: {limit: 16Gi}",
            "memory: {limit: 16gb}",
        ],
        [
            "campus.yaml:39: profiles.gpu.memory.limit: not an amount of memory: '16gb'; write for example 512Mi or 2Gi",
        ],
    ),
    "text where a course belongs": (
        [
            "  intro:\n    term: h26\n    quota: {t4: 2}",
            "  intro: yes please",
        ],
        [
            "campus.yaml:60: courses.intro: must be a mapping (key: value), not text",
        ],
    ),
    "less than no device": (
        [
            "count: 4",
            "count: -4",
        ],
        [
            "campus.yaml:27: flavors.t4.count: -4 is too small; the least is 0",
        ],
    ),
    "a weight with too many decimals": (
        [
            "count: 4",
            "count: 4\n    weight: 0.1234",
        ],
        [
            "campus.yaml:28: flavors.t4.weight: not a weight: '0.1234'; write a number from 0 to 100 with at most three decimals, such as 0.15",
        ],
    ),
    "a key with nothing after it": (
        [
            "    codes: [INF4490]",
            "    codes:",
        ],
        [
            "campus.yaml:57: courses.ml.codes: is empty; write a value, or leave the key out",
        ],
    ),
    "text where a source wants a mapping": (
        [
            'bind: {dn: "CN=hub,DC=example", password: {env: LDAP_PASSWORD}}',
            "bind: hunter2",
        ],
        [
            "campus.yaml:12: sources.ad.bind: must be a mapping (key: value), not text",
        ],
    ),
    "a list where the courses belong": (
        [
            'courses:\n  ml:\n    term: h26\n    codes: [INF4490]\n    people: {teacher: ["ad:ola"]}\n    quota: {t4: {nominal: 2, borrow: 1}}\n  intro:\n    term: h26\n    quota: {t4: 2}\n',
            "courses: [a]\n",
        ],
        [
            "campus.yaml:54: courses: must be a mapping (key: value), not a list",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=ROWS)
def test_is_told_with_its_place_and_its_fix(mistakes, changes, expected):
    assert mistakes(*changes) == expected
