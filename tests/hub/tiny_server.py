"""A single-user server that starts at once: answers every address below its own, and knows nothing of notebooks.

The hub's checks that a server is up, and the proxy's way to it, are all that tests of the desk need of one.
"""

import json
import os
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from urllib.parse import urlsplit


class Answer(BaseHTTPRequestHandler):
    """Says when it started, like the status page of a real one."""

    def do_GET(self) -> None:
        body = json.dumps({"started": "now"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-JupyterHub-Version", version("jupyterhub"))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    place = (address.hostname or "127.0.0.1", address.port or 0)
    with suppress(KeyboardInterrupt):
        ThreadingHTTPServer(place, Answer).serve_forever()
