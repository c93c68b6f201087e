"""Run the fake alone until it is stopped: ``python -m tests.fakes.moodle``."""

import argparse
import threading

from . import FakeMoodle, a_site


def main() -> None:
    parser = argparse.ArgumentParser(description="A FAKE Moodle on loopback.")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument(
        "--redirect-uri", action="append", default=[], help="the hub's callback, as registered"
    )
    parser.add_argument("--slow", type=float, default=0.0, help="seconds per web service")
    told = parser.parse_args()
    site = a_site()
    site.redirect_uris = told.redirect_uri or [
        "http://127.0.0.1:8000/hub/edu/login/moodle/callback"
    ]
    with FakeMoodle(site, port=told.port) as moodle:
        moodle.slow = told.slow
        print(f"FAKE Moodle at {moodle.url}, ended by Ctrl-C")
        print(f"  client_id {site.client_id}, client_secret {site.client_secret}")
        print(f"  token {site.token}, canary 2, callback {' '.join(site.redirect_uris)}")
        for user in site.users.values():
            print(f"  {user.username:12} {user.password:18} {'suspended' * user.suspended}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
