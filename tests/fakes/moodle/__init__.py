"""A FAKE Moodle with the plugin ``local_oauth`` and web services over REST. No PHP and no Moodle runs here.

It copies what a Moodle 4.3 and a 5.1 were seen to answer, the odd replies above all (replies recorded there, names
changed, lie in ``recorded/``, and the fake's own tests compare with them):

    login           Moodle's login page and a consent page that is asked once; the address to which the plugin sends
                    people after it has lost redirect_uri and PKCE; errors whose separators are ``&amp;``; a code that
                    lives 30 seconds; JSON called text/html; ids as strings; a refresh token that nothing accepts; no
                    word of roles, and an answer for suspended accounts too
    web services    arguments as PHP reads them; errors with HTTP 200; "you may not see that" as an empty list; one
                    capital letter that spoils a whole batch; suspended accounts in the list of active enrolments; one
                    row for two courses; group modes; hidden courses; several roles, or none; 503 in maintenance mode

    with FakeMoodle(a_site()) as moodle:
        moodle.url, moodle.site.token, moodle.site.client_secret
        moodle.site.users[7].suspended = True      what is behind it can be changed at any time
        moodle.site.capabilities.discard(...)      what the service account may
        moodle.slow = 10                           seconds that each web service takes
        moodle.maintenance = True
        moodle.calls                               names of the functions called so far

It knows the functions that are asked here and no other, and nothing of cohorts, files, grades or LTI. It runs in a
thread of its own, and alone:

    python -m tests.fakes.moodle --redirect-uri http://127.0.0.1:8000/hub/edu/login/moodle/callback

A live Moodle takes its place through the environment, see ``live.py``.
"""

from .server import FakeMoodle
from .site import SERVICE, Category, Course, Enrolment, Site, User, a_site

__all__ = ["SERVICE", "Category", "Course", "Enrolment", "FakeMoodle", "Site", "User", "a_site"]
