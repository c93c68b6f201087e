"""Start and stop a private PostgreSQL from Debian's or any other binaries.

Always holds:
    - its data, its socket and its log lie in one new folder, removed at the end;
    - it listens on a Unix socket only, so no port can be taken and nobody else's server is met;
    - it ends with the process that started it, even if that one is killed;
    - fsync is off: quick, and worth nothing after a power cut.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

START_SECONDS = 120.0
STOP_SECONDS = 10.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}


def find_binaries() -> Path | None:
    """Answer the newest folder that holds both initdb and postgres, or None."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    on_path = shutil.which("initdb")
    candidates = [*reversed(debian), *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Postgres:
    """A private server that can be stopped and started again over the same data.

    Attributes:
        host: the folder of its Unix socket.
    """

    def __init__(self, binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
        self.host = str(folder)
        self._serve = partial(_serving, binaries, folder, account)
        self._running = ExitStack()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running.enter_context(self._serve())

    def stop(self) -> None:
        """Stop it; sessions are ended. Nothing happens if it does not run."""
        self._running.close()


@contextmanager
def running_postgres(binaries: Path) -> Iterator[Postgres]:
    """Run a new, empty PostgreSQL.

    Raises:
        RuntimeError: it did not answer in time; the message ends with its log.
    """
    account = _unprivileged_account()
    # Not under TMPDIR: the path of a socket holds 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="edu-pg-", dir="/tmp"))
    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        _initialise(binaries, folder, account)
        server = Postgres(binaries, folder, account)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def database_url(host: str, database: str) -> str:
    """Spell the address of one database for SQLAlchemy."""
    return f"postgresql+psycopg://edu@/{database}?host={quote(host, safe='')}"


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Answer whom to become: PostgreSQL refuses to run as root. None: we are nobody special already."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _become(account: pwd.struct_passwd | None) -> list[str]:
    """Spell the front of a command that runs as the account and dies with its parent."""
    command = ["setpriv", "--pdeathsig", "INT"]
    if account:
        command += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return [*command, "--"]


def _initialise(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    subprocess.run(
        [
            *_become(account),
            str(binaries / "initdb"),
            f"--pgdata={folder / 'data'}",
            "--username=edu",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
    )


@contextmanager
def _serving(
    binaries: Path, folder: Path, account: pwd.struct_passwd | None
) -> Iterator[subprocess.Popen[bytes]]:
    command = [*_become(account), str(binaries / "postgres"), "-D", str(folder / "data")]
    for name, value in (_SETTINGS | {"unix_socket_directories": str(folder)}).items():
        command += ["-c", f"{name}={value}"]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        _wait_until_ready(process, folder)
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for sessions
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for the line that the server itself writes into its pid file."""
    pid_file = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.02)
    process.kill()
    log = (folder / "log").read_text(errors="replace")
    raise RuntimeError(f"PostgreSQL did not start within {START_SECONDS:.0f} s:\n{log[-2000:]}")
