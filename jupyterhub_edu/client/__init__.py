"""A small client of the REST API: what the desk shows and does, for programs, with the types that the hub answers by.

    from jupyterhub_edu.client import Client

    hub = Client("https://hub.example.org/hub/api", token)
    for course in hub.courses():
        print(course["title"])
    hub.course("ml").give({"hours": 5, "person": "ada", "why": "was ill"})

Without arguments it takes ``JUPYTERHUB_API_URL`` and ``JUPYTERHUB_API_TOKEN``, which every server of the hub has. It needs
nothing beside this package and blocks; a coroutine calls ``await asyncio.to_thread(hub.course("ml").grants)``.
"""

from __future__ import annotations

from .calling import Refused, Unreachable
from .hub import Client
from .of_course import CourseClient

__all__ = ["Client", "CourseClient", "Refused", "Unreachable"]
