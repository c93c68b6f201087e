"""What is well written and cannot be meant."""

import pytest

# What is replaced in the small campus file, by what (in pairs), and every mistake that is then reported.
ROWS = {
    "devices measured for nothing, nowhere": (
        ["stale_after", "device_metrics: {url: prometheus}\nstale_after"],
        [
            "campus.yaml:4: device_metrics: measured for nothing; add idle_device_after:",
            'campus.yaml:4: device_metrics.url: no address: "prometheus"; write http://host:port or https://host',
        ],
    ),
    "more devices than are used": (
        ["count: 4", "count: 4\n    grows_to: 8\n    per_node: 2"],
        [
            "campus.yaml:28: flavors.t4.grows_to: above count (4), the most to use; lower it, or leave count: out"
        ],
    ),
    "nodes of a size that nobody knows": (
        ["count: 4", "grows_to: 8"],
        [
            "campus.yaml:27: flavors.t4.grows_to: how many devices a new node has is not said; add per_node:"
        ],
    ),
    "nodes that nobody adds": (
        ["count: 4", "count: 4\n    per_node: 2"],
        ["campus.yaml:28: flavors.t4.per_node: of nodes that nobody adds; add grows_to:"],
    ),
    "less than one node": (
        ["count: 4", "grows_to: 4\n    per_node: 8"],
        ["campus.yaml:27: flavors.t4.grows_to: less than one node, which has 8; raise it"],
    ),
    "more promised than there may ever be": (
        ["count: 4", "grows_to: 2\n    per_node: 1"],
        [
            "campus.yaml:63: courses.intro.quota.t4: ml 2 + intro 2 = 4 promised on 2026-11-03, and flavors.t4 has 2; lower nominal:, or let a course borrow"
        ],
    ),
    "growth without devices": (
        ["  cpu: {}", "  cpu: {grows_to: 4}"],
        ["campus.yaml:24: flavors.cpu.grows_to: counts devices, and there is no device:; add it"],
    ),
    "ceilings of what there is not, and an exam of no time": (
        [
            "stale_after",
            "ceilings: {exam: 10s, grant: {profiles: [gpux], caps: {cpu: 1}}}\nstale_after",
        ],
        [
            "campus.yaml:4: ceilings.exam: too short or too long; write 1m to 7d",
            "campus.yaml:4: ceilings.grant.caps.cpu: counts devices, and flavors.cpu has none; take it out",
            'campus.yaml:4: ceilings.grant.profiles[0]: no such profile: "gpux"; did you mean gpu?',
        ],
    ),
    "hours that are none": (
        ["stale_after", "ceilings: {grant: {hours: -1}}\nstale_after"],
        [
            "campus.yaml:4: ceilings.grant.hours: not a number of hours; write for example 10 or 2.5",
        ],
    ),
    "outside any course, a profile that does not exist, to a role that is none": (
        ["stale_after", "no_course: {teacher: [notebok], assistant: [gpu]}\nstale_after"],
        [
            "campus.yaml:4: no_course.assistant: no such site role; known: guest, student, teacher, manager, admin",
            'campus.yaml:4: no_course.teacher[0]: no such profile: "notebok"; did you mean notebook?',
        ],
    ),
    "an idle time too short to be one": (
        ["stale_after", "idle_device_after: 2m\nstale_after"],
        ["campus.yaml:4: idle_device_after: too short or too long; write 10m to 1d"],
    ),
    "hours per term in a course without dates": (
        [
            "  intro:\n    term: h26",
            "  intro:\n    allowance: {person: 10h per term, course: 9h per week}",
        ],
        [
            "campus.yaml:61: courses.intro.allowance.person: counts per term, and the course has no dates; name its term, or its first and last day (from, until)",
        ],
    ),
    "hours of no period": (
        [
            "  intro:\n    term: h26",
            "  intro:\n    term: h26\n    allowance: {person: 10h}",
        ],
        [
            "campus.yaml:62: courses.intro.allowance.person: not an allowance: '10h'; write for example 10h per week (or day, or term)",
        ],
    ),
    "a profile offered twice": (
        [
            "teacher: [notebook, gpu]",
            "teacher: [notebook, gpu, gpu]",
        ],
        [
            "campus.yaml:50: course_defaults.offers.teacher[2]: gpu stands twice; keep one of them",
        ],
    ),
    "a flavor that no profile uses": (
        [
            "  cpu: {}",
            "  cpu: {}\n  big: {}",
        ],
        [
            "campus.yaml:25: flavors.big: no profile uses it; take it out, or add a profile",
        ],
    ),
    "a profile that nobody is offered": (
        [
            "teacher: [notebook, gpu]",
            "teacher: [notebook]",
        ],
        [
            "campus.yaml:35: profiles.gpu: no course offers it to anybody; name it in offers:, or take it out",
        ],
    ),
    "a choice for a role that is not offered the profile": (
        [
            "two: {devices: 2, course_roles: [teacher]}",
            "two: {devices: 2, course_roles: [teacher]}",
            "    teacher: [notebook, gpu]",
            "    assistant: [notebook, gpu]",
        ],
        [
            "campus.yaml:45: profiles.gpu.options.devices.choices.two: nobody can choose it: no teacher is offered the profile; offer it",
        ],
    ),
    "a choice with more devices than there are": (
        [
            "two: {devices: 2, course_roles: [teacher]}",
            "two: {devices: 3, course_roles: [teacher]}",
        ],
        [
            "campus.yaml:45: profiles.gpu.options.devices.choices.two: nobody can choose it: 3 devices are more than any count, cap or quota allows; lower devices:, or raise the narrowest of them",
        ],
    ),
    "a default that somebody may not take": (
        [
            "    student: [notebook]\n    teacher",
            "    student: [notebook, gpu]\n    teacher",
            "default: one",
            "default: two",
        ],
        [
            "campus.yaml:42: profiles.gpu.options.devices.default: student of ml may not take two; choose a default that is open to everybody who has the profile",
        ],
    ),
    "a rule that stands twice": (
        [
            '  - {source: ad, group: "CN=Staff,*", site_role: teacher}',
            '  - {source: ad, group: "CN=Staff,*", site_role: teacher}\n  - {source: ad, group: "CN=Staff,*", site_role: teacher}',
        ],
        [
            "campus.yaml:20: rules[1]: the same as rules[0]; take it out",
        ],
    ),
    "a code of two courses in a rule without term": (
        [
            "OU=<term>,",
            "",
            "  intro:\n    term: h26",
            "  intro:\n    codes: [inf4490]",
        ],
        [
            'campus.yaml:20: rules[1].group: "inf4490" means ml and intro, so it gives nothing; write <term> in the pattern',
        ],
    ),
    "a code of two courses of one term": (
        [
            "  intro:\n    term: h26",
            "  intro:\n    codes: [inf4490]\n    term: h26",
        ],
        [
            'campus.yaml:60: courses.intro: "inf4490" names ml and intro in one term; give each code to one course of a term',
        ],
    ),
    "a course called like the site's hub groups": (
        [
            "  intro:",
            "  site:",
        ],
        [
            "campus.yaml:60: courses.site: no course may be called site; the hub groups edu:site:… are the site's",
        ],
    ),
    "two keys that differ in case": (
        [
            "  intro:",
            "  ML:",
        ],
        [
            "campus.yaml:60: courses.ML: reads like courses.ml; use keys that differ in more than case",
        ],
    ),
    "more devices promised than there are": (
        [
            "quota: {t4: 2}",
            "quota: {t4: 3}",
        ],
        [
            "campus.yaml:62: courses.intro.quota.t4: ml 2 + intro 3 = 5 promised on 2026-11-03, and flavors.t4 has 4; lower nominal:, or let a course borrow",
        ],
    ),
    "a quota of nothing": (
        [
            "quota: {t4: 2}",
            "quota: {cpu: 2}",
        ],
        [
            "campus.yaml:62: courses.intro.quota.cpu: counts devices, and flavors.cpu has none; take it out",
        ],
    ),
    "a cap of nothing": (
        [
            "student: {servers: 1, t4: 1}",
            "student: {servers: 1, cpu: 1}",
        ],
        [
            "campus.yaml:52: course_defaults.caps.student.cpu: counts devices, and flavors.cpu has none; take it out",
        ],
    ),
    "devices of a flavor that has none": (
        [
            "    longest: 8h",
            "    devices: 1",
        ],
        [
            "campus.yaml:34: profiles.notebook.devices: asks for devices, and flavors.cpu has none; add device: to the flavor, or choose another flavor",
        ],
    ),
    "a device flavor and no device": (
        [
            "    devices: 1\n",
            "",
            "one: {devices: 1}",
            "one: {devices: 0}",
            "two: {devices: 2, course_roles: [teacher]}",
            "two: {devices: 0}",
        ],
        [
            "campus.yaml:35: profiles.gpu: asks for no device of flavors.t4; add devices: 1, or choose a flavor without device",
        ],
    ),
    "more CPU guaranteed than allowed": (
        [
            "guarantee: 0.5",
            "guarantee: 3",
        ],
        [
            "campus.yaml:31: profiles.notebook.cpu: the guarantee of 3 CPU is above the limit of 2 CPU; write a lower one",
        ],
    ),
    "more memory guaranteed than allowed": (
        [
            "guarantee: 512Mi",
            "guarantee: 4Gi",
        ],
        [
            "campus.yaml:32: profiles.notebook.memory: the guarantee of 4 GiB is above the limit of 2 GiB; write a lower one",
        ],
    ),
    "a choice that allows less than the profile guarantees": (
        [
            "one: {devices: 1}",
            "one: {devices: 1, cpu: {limit: 2}}",
        ],
        [
            "campus.yaml:44: profiles.gpu.options.devices.choices.one.cpu: the guarantee of 4 CPU is above the limit of 2 CPU; write a lower one",
        ],
    ),
    "a choice that guarantees more than it allows": (
        [
            "one: {devices: 1}",
            "one: {devices: 1, cpu: {guarantee: 5, limit: 2}}",
        ],
        [
            "campus.yaml:44: profiles.gpu.options.devices.choices.one.cpu: the guarantee of 5 CPU is above the limit of 2 CPU; write a lower one",
        ],
    ),
    "a session of a quarter": (
        [
            "longest: 8h",
            "longest: 90d",
        ],
        [
            "campus.yaml:34: profiles.notebook.longest: not a length for a session; write 5m to 14d",
        ],
    ),
    "a session of seconds": (
        [
            "longest: 8h",
            "longest: 10s",
        ],
        [
            "campus.yaml:34: profiles.notebook.longest: not a length for a session; write 5m to 14d",
        ],
    ),
    "a term that ends before it begins": (
        [
            "until: 2026-12-18",
            "until: 2026-02-18",
        ],
        [
            "campus.yaml:22: terms.h26.until: before from (2026-08-17); the last day, inclusive",
        ],
    ),
    "a course that ends before it begins": (
        [
            "  intro:\n    term: h26",
            "  intro:\n    term: h26\n    from: 2027-01-01",
        ],
        [
            "campus.yaml:62: courses.intro.from: it would end on 2026-12-18, before it begins on 2027-01-01",
        ],
    ),
    "devices counted by two flavors": (
        [
            "count: 4",
            "count: 4\n  t5: {device: nvidia.com/gpu}",
        ],
        [
            "campus.yaml:28: flavors.t5: the same device as flavors.t4, on nodes that may be the same; its devices would be counted twice; tell them apart by a label that both name in nodes:",
            "campus.yaml:28: flavors.t5: no profile uses it; take it out, or add a profile",
        ],
    ),
    "devices of some nodes and of all nodes": (
        [
            "count: 4",
            "count: 4\n  t5: {device: nvidia.com/gpu, nodes: {gpu: t5}}",
        ],
        [
            "campus.yaml:28: flavors.t5: the same device as flavors.t4, on nodes that may be the same; its devices would be counted twice; tell them apart by a label that both name in nodes:",
            "campus.yaml:28: flavors.t5: no profile uses it; take it out, or add a profile",
        ],
    ),
    "a count of nothing": (
        [
            "  cpu: {}",
            "  cpu: {count: 3}",
        ],
        [
            "campus.yaml:24: flavors.cpu.count: counts devices, and there is no device:; add it",
        ],
    ),
    "a device that Kubernetes does not know": (
        [
            "nvidia.com/gpu",
            "gpu",
        ],
        [
            'campus.yaml:26: flavors.t4.device: not a device: "gpu"; write an extended resource such as nvidia.com/gpu',
        ],
    ),
    "two options that set the same": (
        [
            "    kubespawner: {environment",
            "      more: {default: a, choices: {a: {devices: 1}}}\n    kubespawner: {environment",
        ],
        [
            "campus.yaml:46: profiles.gpu.options.more: sets devices, and so does devices; let one set it",
        ],
    ),
    "a brace that KubeSpawner would fill": (
        [
            "{A: b}",
            '{A: "{HOME}"}',
        ],
        [
            'campus.yaml:46: profiles.gpu.kubespawner.environment.A: KubeSpawner knows no "{HOME}"; write "{{HOME}}" if the braces are meant',
        ],
    ),
    "a brace that KubeSpawner cannot read": (
        [
            "{A: b}",
            '{A: "{"}',
        ],
        [
            'campus.yaml:46: profiles.gpu.kubespawner.environment.A: a brace that KubeSpawner cannot read; write "{{"',
        ],
    ),
    "a name in braces that is misspelt": (
        [
            "{A: b}",
            '{A: "{usernam}"}',
        ],
        [
            'campus.yaml:46: profiles.gpu.kubespawner.environment.A: KubeSpawner knows no "{usernam}"; did you mean username?',
        ],
    ),
    "a flavor called servers": (
        [
            "  cpu: {}",
            "  servers: {}",
        ],
        [
            "campus.yaml:24: flavors.servers: a flavor cannot be called servers; in caps: that word counts servers",
            'campus.yaml:30: profiles.notebook.flavor: no such flavor: "cpu"; known: servers, t4',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=ROWS)
def test_is_told_with_its_place_and_its_fix(mistakes, changes, expected):
    assert mistakes(*changes) == expected
