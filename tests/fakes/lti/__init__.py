"""A learning platform that launches tools by LTI 1.3. A fake: nobody's password is asked, and courses are invented.

It copies what a tool meets: the launch's first request, the authentication request with its checks, ID tokens signed
with real keys that rotate, the public keyset, access tokens for a signed assertion, and Names and Roles with paging. Two
dialects: ``moodle`` as recorded from Moodle 4.3 and 5.1 (roles cannot tell teachers from assistants, rosters call
assistants learners, short role names, numeric ids, tokens as ``text/html``), and ``canvas`` as its maker documents it
(sub-roles, custom fields filled in, roles of other courses among the institution's).

``FakePlatform`` answers plain requests without a socket, ``PlatformServer`` on a loopback port, with course pages for
browsers; ``python -m tests.fakes.lti`` runs it alone. A live platform takes its place through the environment, see
``live.py``.
"""

from .platform import CANVAS, MOODLE, Dialect, FakePlatform, PlatformWeb, Registration
from .server import PlatformServer, PlatformThread

__all__ = [
    "CANVAS",
    "MOODLE",
    "Dialect",
    "FakePlatform",
    "PlatformServer",
    "PlatformThread",
    "PlatformWeb",
    "Registration",
]
