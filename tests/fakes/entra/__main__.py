"""Serve the fake until Ctrl-C: ``python -m tests.fakes.entra [PORT]``; Graph listens on the next port."""

import asyncio
import sys

from .fake import SECRET
from .server import EntraServer


class AnyAddress(set[str]):
    """Every callback is registered."""

    def __contains__(self, address: object) -> bool:
        return True


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    async with EntraServer(port=port) as server:
        fake = server.fake
        fake.app.redirect_uris = AnyAddress()
        fake.app.delegated |= {"EduRoster.ReadBasic"}
        fake.app.permissions |= {"User.Read.All", "EduRoster.Read.All", "Application.Read.All"}
        print("A fake of Entra ID and Graph. In the campus file:\n")
        print("sources:\n  entra:\n    type: entra")
        for key, value in fake.settings().items():
            print(f"    {key}: {'{env: ENTRA_SECRET}' if key == 'client_secret' else value}")
        print(f"\nENTRA_SECRET={SECRET}\n")
        for user in fake.tenant.users.values():
            print(f"{user.name}: {user.upn}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print()
