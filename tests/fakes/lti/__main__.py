"""Serve the fake until Ctrl-C: ``python -m tests.fakes.lti [PORT [HUB [SOURCE [DIALECT]]]]``."""

import asyncio
import json
import sys

from .platform import CANVAS, MOODLE
from .server import PlatformServer


async def main() -> None:
    given = dict(enumerate(sys.argv))
    port, hub = int(given.get(1, 8070)), given.get(2, "http://127.0.0.1:8000/hub")
    source, dialect = given.get(3, "lms"), CANVAS if given.get(4) == "canvas" else MOODLE
    async with PlatformServer(dialect, port=port, host="localhost") as server:
        server.register(hub, source, custom={"login": "$User.username"})
        settings = {"type": "lti", "platforms": {"fake": server.platform.settings()}}
        print("A fake of a learning platform. In the campus file:\n")
        print(f"sources:\n  {source}: {json.dumps(settings)}\n")
        for name in server.platform.accounts:
            print(f"{server.platform.url}/login?user={name}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print()
