"""Where built things are kept, and how long work is shown."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
SHOW_AFTER_SECONDS = 2.0
SHOW_AGAIN_SECONDS = 15.0

Say = Callable[[str], None]


class ClusterUnavailable(RuntimeError):
    """There can be no cluster here; the message says what to install or change."""


class ClusterFailed(RuntimeError):
    """All that is needed is here, and yet a program of the cluster did not work."""


def say(line: str) -> None:
    """Print one progress line."""
    print(f"cluster: {line}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Return the user's cache folder of this project, creating it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "jupyterhub-edu"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(paths: Sequence[Path], *words: str) -> str:
    """Return a short hash of the contents of files and of some words.

    Always holds:
        - the same contents and words give the same hash, wherever the files are.
    """
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    for word in words:
        total.update(f"\0{word}".encode())
    return total.hexdigest()[:16]


@contextlib.contextmanager
def step(what: str, tell: Say = say) -> Iterator[None]:
    """Show what is being done, with the time, if it takes more than two seconds."""
    started = time.monotonic()
    finished = threading.Event()

    def show() -> None:
        if finished.wait(SHOW_AFTER_SECONDS):
            return
        tell(f"{what} ...")
        while not finished.wait(SHOW_AGAIN_SECONDS):
            tell(f"{what} ... {time.monotonic() - started:.0f} s")

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield
    finally:
        finished.set()
        shower.join()
    elapsed = time.monotonic() - started
    if elapsed > SHOW_AFTER_SECONDS:
        tell(f"{what}: done in {elapsed:.0f} s")


@contextlib.contextmanager
def locked(path: Path, waiting_for: str | None, tell: Say = say) -> Iterator[None]:
    """Hold an exclusive lock on a file.

    Args:
        path: the lock file; made if it is not there, and left behind.
        waiting_for: what to say while someone else has it; None means: do not wait.
        tell: prints a progress line.

    Raises:
        BlockingIOError: someone else has it and ``waiting_for`` is None.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting_for is None:
                raise
            with step(f"waiting for {waiting_for}", tell):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_once(target: Path, build: Callable[[Path], None], what: str, tell: Say = say) -> Path:
    """Return a folder of the cache, building it first if it is not there.

    Always holds:
        - the folder is complete or absent: it is built beside and moved into place;
        - two at once build it once;
        - what an interrupted build left behind is removed by the next one.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / f"{target.name}.lock", f"another build of {what}", tell):
        if target.is_dir():
            return target
        for stale in target.parent.glob(f"{target.name}.part-*"):
            shutil.rmtree(stale, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=f"{target.name}.part-", dir=target.parent))
        part.chmod(0o755)
        try:
            build(part)
            part.rename(target)
        finally:
            if part.exists():
                shutil.rmtree(part, ignore_errors=True)
    return target


def remove_older(folder: Path, keep: Path, count: int = 1) -> None:
    """Remove all but the newest folders beside one, so that the cache does not grow."""
    others = sorted(
        (path for path in folder.iterdir() if path.is_dir() and path != keep),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in others[count:]:
        shutil.rmtree(path, ignore_errors=True)
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def require_programs(names: Sequence[str]) -> None:
    """Check that programs of Debian packages are there.

    Raises:
        ClusterUnavailable: some are missing; names them and the packages.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    missing = [name for name in names if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(package_names())
        raise ClusterUnavailable(
            f"missing programs: {', '.join(missing)}. As root: tools/debian-packages "
            f"tests/cluster/packages.txt (these are: {packages})"
        )


def package_names() -> list[str]:
    """Return the Debian packages of ``packages.txt``."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]
