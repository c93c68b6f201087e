"""Settings that would open a hole or a gap refuse to load, and name the fix."""

import pytest

# What is replaced in the small campus file, by what (in pairs), and every mistake that is then reported.
ROWS = {
    "passwords would cross the network in the clear": (
        [
            '"ldaps://ad.example"',
            '"ldap://ad.example"',
            "adopt: true",
            "adopt: true\n    tls: {start: false}",
        ],
        [
            "campus.yaml:6: sources.ad: ldap://ad.example:389 without TLS; write ldaps:// or leave tls.start on, or, if you accept that passwords can be read on the way, insecure: i-know",
        ],
    ),
    "any server could pose as the directory": (
        [
            "adopt: true",
            "adopt: true\n    tls: {verify: false}",
        ],
        [
            "campus.yaml:6: sources.ad: tls.verify: false accepts any server; name its authority in tls.ca instead, or, if you accept that passwords can be read on the way, insecure: i-know",
        ],
    ),
    "an empty list of groups would read like everyone": (
        [
            "adopt: true",
            "adopt: true\n    allowed_groups: []",
        ],
        [
            "campus.yaml:6: sources.ad: an empty allowed_groups reads like everyone; leave it out, or name groups",
        ],
    ),
    "a password in clear text": (
        [
            "{env: LDAP_PASSWORD}",
            "hunter2",
        ],
        [
            "campus.yaml:12: sources.ad.bind.password: a secret in clear text; write {env: NAME} or {file: PATH}",
        ],
    ),
    "a secret that is not there": (
        [
            "{env: LDAP_PASSWORD}",
            "{env: NOPE}",
        ],
        [
            'campus.yaml:12: sources.ad.bind.password: the environment variable "NOPE" is not set',
        ],
    ),
    "a secret that is empty": (
        [
            "{env: LDAP_PASSWORD}",
            "{env: EMPTY}",
        ],
        [
            'campus.yaml:12: sources.ad.bind.password: the environment variable "EMPTY" is not set',
        ],
    ),
    "a secret file that is not there": (
        [
            "{env: LDAP_PASSWORD}",
            "{file: nope}",
        ],
        [
            'campus.yaml:12: sources.ad.bind.password: the secret file "nope" cannot be read: No such file or directory',
        ],
    ),
    "a secret that is neither env nor file": (
        [
            "{env: LDAP_PASSWORD}",
            "{evn: X}",
        ],
        [
            "campus.yaml:12: sources.ad.bind.password: not a secret; write {env: NAME} or {file: PATH}",
        ],
    ),
    "a database password in clear text": (
        [
            "stale_after: 12h",
            "store: {url: 'postgresql://u:p@h/d'}",
        ],
        [
            "campus.yaml:4: store.url: a secret in clear text; write {env: NAME} or {file: PATH}",
        ],
    ),
    "admins by pattern": (
        [
            'admins: ["ad:kari"]',
            'admins: ["ad:*"]',
        ],
        [
            "campus.yaml:3: admins[0]: a pattern, where only exact people may stand; name each as source:login",
        ],
    ),
    "admins by group": (
        [
            "site_role: teacher",
            "site_role: admin",
        ],
        [
            "campus.yaml:19: rules[0].site_role: a group never makes an admin; name the people one by one under admins:",
        ],
    ),
    "teachers by pattern": (
        [
            'people: {teacher: ["ad:ola"]}',
            'people: {teacher: ["ad:*"]}',
        ],
        [
            "campus.yaml:58: courses.ml.people.teacher[0]: a pattern, where only exact people may stand; name each as source:login",
        ],
    ),
    "a pattern for every group": (
        [
            'group: "CN=Staff,*"',
            'group: "*"',
        ],
        [
            "campus.yaml:19: rules[0].group: matches every group, and so everybody; name the group",
        ],
    ),
    "a pattern for every group below an attribute": (
        [
            'group: "CN=Staff,*"',
            'group: "CN=*"',
        ],
        [
            "campus.yaml:19: rules[0].group: matches every group, and so everybody; name the group",
        ],
    ),
    "a pattern in which one course's name matches inside another's": (
        [
            '"CN=<course>,OU=<term>,*"',
            '"*<course>*<term>*"',
        ],
        [
            "campus.yaml:20: rules[1].group: not a whole name: with nothing between them, one course's name matches inside another's; write the text that stands beside <course> or <term>",
        ],
    ),
    "a pattern that was meant as a regular expression": (
        [
            '"CN=Staff,*"',
            '"^CN=Staff,.*$"',
        ],
        [
            "campus.yaml:19: rules[0].group: looks like a regular expression; a pattern is the whole name, with * for any text",
        ],
    ),
    "a pattern that could match nearly anything": (
        [
            '"CN=Staff,*"',
            '"CN=S*t*a*f*f*,*"',
        ],
        [
            "campus.yaml:19: rules[0].group: more than 5 stars; write more of the name",
        ],
    ),
    "a course role in no course": (
        [
            '"CN=<course>,OU=<term>,*"',
            '"CN=Students,*"',
        ],
        [
            "campus.yaml:20: rules[1]: says no course; write <course> in the pattern, or add course:",
        ],
    ),
    "two ways to say the course": (
        [
            "course_role: student}",
            "course_role: student, course: ml}",
        ],
        [
            "campus.yaml:20: rules[1].course: the pattern has <course> already; keep one of them",
        ],
    ),
    "a course without course role": (
        [
            "site_role: teacher}",
            "site_role: teacher, course: ml}",
        ],
        [
            "campus.yaml:19: rules[0].course: of no use without course_role:; add it or take this out",
        ],
    ),
    "a pattern that matches nothing": (
        [
            "  h26: {from: 2026-08-17, until: 2026-12-18}\n",
            "  {}\n",
            "    term: h26\n    codes",
            "    codes",
            "  intro:\n    term: h26\n",
            "  intro:\n",
        ],
        [
            "campus.yaml:20: rules[1].group: matches nothing: no course has a term; take <term> out",
        ],
    ),
    "the same word twice in a pattern": (
        [
            '"CN=<course>,OU=<term>,*"',
            '"CN=<course>,OU=<course>,*"',
        ],
        [
            "campus.yaml:20: rules[1].group: a word in <> stands twice; write * for the second",
        ],
    ),
    "a profile without CPU limit": (
        [
            "    cpu: {limit: 4}\n",
            "",
        ],
        [
            "campus.yaml:35: profiles.gpu.cpu: no limit: one server could take a whole node; add cpu: {limit: 2}",
        ],
    ),
    "a profile without memory limit": (
        [
            "memory: {guarantee: 512Mi, limit: 2Gi}",
            "memory: {guarantee: 512Mi}",
        ],
        [
            "campus.yaml:32: profiles.notebook.memory: no limit: one server could take a whole node; add memory: {limit: 2Gi}",
        ],
    ),
    "two sources that take over accounts": (
        [
            "    passwords: passwords.txt",
            "    passwords: passwords.txt\n    adopt: true",
        ],
        [
            "campus.yaml:18: sources.roster.adopt: sources.ad adopts hub accounts already; two sources could take over the same account; let one adopt",
        ],
    ),
    "answers that never go stale": (
        [
            "stale_after: 12h",
            "stale_after: 60d",
        ],
        [
            "campus.yaml:4: stale_after: longer than 30d: people who left would keep starting on devices; 12h is usual",
        ],
    ),
    "answers that are always stale": (
        [
            "stale_after: 12h",
            "stale_after: 5m",
        ],
        [
            "campus.yaml:4: stale_after: not longer than sources.ad.refresh, so every answer would be stale; 12h is usual",
        ],
    ),
    "a directory asked without pause": (
        [
            "adopt: true",
            "refresh: 1s",
        ],
        [
            "campus.yaml:13: sources.ad.refresh: out of range; write 10s to 1d; 5m is usual",
        ],
    ),
    "rosters read without pause": (
        [
            "adopt: true",
            "sync: 1s",
        ],
        [
            "campus.yaml:13: sources.ad.sync: out of range; write 1m to 1d; 15m is usual",
        ],
    ),
    "a guard that is no percentage": (
        [
            "adopt: true",
            "guard: most",
        ],
        [
            "campus.yaml:13: sources.ad.guard: not a percentage; write for example 30%",
        ],
    ),
    "a guard that lets nobody go": (
        [
            "adopt: true",
            "guard: 0%",
        ],
        [
            "campus.yaml:13: sources.ad.guard: out of range; write 1% to 100%; 30% is usual",
        ],
    ),
    "a link by an address": (
        [
            "terms:",
            "links: [{source: roster, attribute: E-Mail, is: ad, of: userPrincipalName}]\nterms:",
        ],
        [
            'campus.yaml:21: links[0].attribute: "E-Mail" changes hands, so that one person could become another; name a number that stays, such as employeeNumber',
            'campus.yaml:21: links[0].of: "userPrincipalName" changes hands, so that one person could become another; name a number that stays, such as employeeNumber',
        ],
    ),
    "a link of a source to itself": (
        [
            "terms:",
            "links: [{source: ad, attribute: employeeID, is: ad, of: employeeNumber}]\nterms:",
        ],
        [
            "campus.yaml:21: links[0]: links a source to itself; name two sources",
        ],
    ),
    "a link to a source that does not exist": (
        [
            "terms:",
            "links: [{source: rooster, attribute: number, is: ad, of: employeeNumber}]\nterms:",
        ],
        [
            'campus.yaml:21: links[0].source: no such source: "rooster"; did you mean roster?',
        ],
    ),
    "an image without tag": (
        [
            "example/notebook:2026",
            "example/notebook",
        ],
        [
            "campus.yaml:33: profiles.notebook.image: an image without tag is another one every day; add :tag or @sha256:…",
        ],
    ),
    "an image without tag on a port": (
        [
            "example/notebook:2026",
            "localhost:5000/notebook",
        ],
        [
            "campus.yaml:33: profiles.notebook.image: an image without tag is another one every day; add :tag or @sha256:…",
        ],
    ),
    "a course image without tag": (
        [
            "    codes: [INF4490]",
            "    image: x/y",
        ],
        [
            "campus.yaml:57: courses.ml.image: an image without tag is another one every day; add :tag or @sha256:…",
        ],
    ),
    "an image that is none": (
        [
            "example/notebook:2026",
            "Example Notebook",
        ],
        [
            'campus.yaml:33: profiles.notebook.image: not an image: "Example Notebook"; write registry/name:tag',
        ],
    ),
    "servers with every right": (
        [
            "{environment: {A: b}}",
            "{privileged: true}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.privileged: not to be set here; set it in the hub's configuration, for everybody",
        ],
    ),
    "containers beside the server's": (
        [
            "{environment: {A: b}}",
            "{extra_containers: []}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.extra_containers: not to be set here; set it in the hub's configuration, for everybody",
        ],
    ),
    "a second catalogue": (
        [
            "{environment: {A: b}}",
            "{profile_list: []}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.profile_list: not to be set here; use profiles:",
        ],
    ),
    "a limit beside the catalogue's": (
        [
            "{environment: {A: b}}",
            "{cpu_limit: 3}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.cpu_limit: not to be set here; use cpu: {limit: …}",
        ],
    ),
    "a hook in a data file": (
        [
            "{environment: {A: b}}",
            "{pre_spawn_hook: x}",
        ],
        [
            "campus.yaml:46: profiles.gpu.kubespawner.pre_spawn_hook: a hook is code; set it in the hub's configuration",
        ],
    ),
    "a toleration of every taint": (
        [
            "    count: 4",
            "    count: 4\n    tolerate: ['*']",
        ],
        [
            'campus.yaml:28: flavors.t4.tolerate[0]: not a taint\'s key: "*"; name one key',
        ],
    ),
    "a negative loan": (
        [
            "borrow: 1",
            "borrow: -1",
        ],
        [
            "campus.yaml:59: courses.ml.quota.t4.borrow: -1 is too small; the least is 0",
        ],
    ),
    "a cap of no servers": (
        [
            "caps: {servers: 3, t4: 2}",
            "caps: {servers: 0, t4: 2}",
        ],
        [
            "campus.yaml:53: caps.servers: 0 is too small; the least is 1",
        ],
    ),
    "a source's key that would break its people's keys": (
        [
            "  roster:\n",
            "  Roster One:\n",
        ],
        [
            'campus.yaml:14: sources."Roster One": not a source\'s key; use at most 32 of a-z, 0-9, - and _',
        ],
    ),
    "no course at all": (
        [
            'courses:\n  ml:\n    term: h26\n    codes: [INF4490]\n    people: {teacher: ["ad:ola"]}\n    quota: {t4: {nominal: 2, borrow: 1}}\n  intro:\n    term: h26\n    quota: {t4: 2}\n',
            "courses: {}\n",
        ],
        [
            "campus.yaml:54: courses: is empty: nobody can start anything",
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=ROWS)
def test_is_told_with_its_place_and_its_fix(mistakes, changes, expected):
    assert mistakes(*changes) == expected
