"""One server as a process: its own folder and log, ended by its id, and never alive after the test's process."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 10.0


class ServerProcess:
    """A server that can be started, stopped, made silent and killed."""

    def __init__(self, name: str, start_seconds: float = START_SECONDS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"edu-{name}-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._name = name
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: list[str], is_ready: Callable[[], bool]) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it did not; the message ends with its log.
        """
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
            )
        end = time.monotonic() + self._start_seconds
        while time.monotonic() < end and self._process.poll() is None:
            if is_ready():
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(
            f"{self._name} did not start:\n{log.read_text(errors='replace')[-3000:]}"
        )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it and what it started; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process, signal.SIGCONT)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        self._signal(process, signal.SIGKILL)
        process.wait()

    def pause(self) -> None:
        """Make it silent: connections stand, nothing is answered from now on."""
        assert self._process is not None
        self._signal(self._process, signal.SIGSTOP)
        # On a busy machine its threads go on for a while after the signal.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        assert self._process is not None
        self._signal(self._process, signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
