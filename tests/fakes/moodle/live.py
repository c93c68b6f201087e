"""A live Moodle in the place of the fake, by the environment; nothing in it is changed.

MOODLE_URL            its address
MOODLE_TOKEN          token of the web-service account
MOODLE_CANARY         id of a course with participants
MOODLE_CLIENT_ID      the hub as the plugin local_oauth knows it
MOODLE_CLIENT_SECRET
MOODLE_PERSON         username and password of somebody in that course, with a colon between them
"""

import os

_NAMES = ("URL", "TOKEN", "CANARY", "CLIENT_ID", "CLIENT_SECRET")


def settings() -> dict[str, str] | None:
    """Settings of a source for it; None where the environment names none."""
    found = {name.lower(): os.environ.get(f"MOODLE_{name}", "") for name in _NAMES}
    return found if all(found.values()) else None


def person() -> tuple[str, str]:
    """Who may log in there."""
    name, _, password = os.environ["MOODLE_PERSON"].partition(":")
    return name, password
