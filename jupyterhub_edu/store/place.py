"""Where the store is kept, and whether that place would survive a restart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from jupyterhub_edu.ports import StoreError

__all__ = ["Mount", "check_survives", "file_of", "find_mount", "is_memory", "locate"]

_HUB_DEFAULT: Final = "sqlite:///jupyterhub.sqlite"
_HOW: Final = (
    "Give the store an address of its own, such as "
    "postgresql://user@host/database or sqlite:////a/path/that/stays/jupyterhub-edu.sqlite."
)
_POSTGRES: Final = {"postgres", "postgresql", "postgresql+psycopg"}
_SQLITE: Final = {"sqlite", "sqlite+pysqlite"}
_VOLATILE: Final = {"aufs", "devtmpfs", "overlay", "ramfs", "rootfs", "tmpfs"}
_LOCAL: Final = {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "xfs", "zfs"}
# The kubelet mounts these folders of the node; they go with the pod.
_POD_FOLDER: Final = re.compile(
    r"/kubernetes\.io~(?:empty-dir|configmap|secret|projected|downward-api)/"
)
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def locate(url: str | None, hub_db_url: str | None, *, on_kubernetes: bool) -> URL:
    """Say which database the store uses. Makes and changes nothing.

    Always holds:
        - without a URL of its own the store is a SQLite file beside the hub's;
        - never the hub's own SQLite file: SQLite has one writer, and the hub would wait for us;
        - the result is an absolute SQLite path, SQLite in memory, or PostgreSQL by psycopg 3.

    Args:
        url: the store's own URL, or None.
        hub_db_url: the hub's, as configured; None: JupyterHub's default.
        on_kubernetes: the hub runs in a pod.

    Raises:
        StoreError: no such place may be used; the text says what to write.
    """
    hub = _parse(_like_jupyterhub(hub_db_url or _HUB_DEFAULT), "hub's database")
    hub_file = file_of(hub)
    if url is not None:
        own = _own(_parse(url, "store's"), on_kubernetes=on_kubernetes)
        if hub_file is not None and file_of(own) == hub_file:
            raise StoreError(f"{hub_file} is the hub's own file; the store needs another one.")
        return own
    if hub_file is None:
        raise StoreError(
            f"The hub's database is {hub.render_as_string(hide_password=True)}, so there is no file "
            f"beside which the store could be kept. {_HOW}"
        )
    return _sqlite(hub_file.with_name(f"{hub_file.stem}-edu{hub_file.suffix or '.sqlite'}"))


def file_of(url: URL) -> Path | None:
    """The absolute path of a SQLite file, or None for anything else."""
    if url.get_backend_name() != "sqlite" or is_memory(url) or url.database is None:
        return None
    return Path(url.database).resolve()


def is_memory(url: URL) -> bool:
    """Whether this is SQLite in memory."""
    return url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}


def _like_jupyterhub(url: str) -> str:
    """JupyterHub takes a plain path for a SQLite file."""
    return url if "://" in url else f"sqlite:///{url}"


def _parse(url: str, whose: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # The text is not repeated: it may hold a password in a place where nobody looks for one.
        raise StoreError(f"The {whose} URL cannot be read. {_HOW}") from None


def _own(url: URL, *, on_kubernetes: bool) -> URL:
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise StoreError(f"The store knows SQLite and PostgreSQL, not {url.drivername}. {_HOW}")
    if url.query or (url.database or "").startswith("file:"):
        raise StoreError(f"The store's SQLite URL must be a plain path, without options. {_HOW}")
    if is_memory(url):
        if on_kubernetes:
            raise StoreError(f"A store in memory would be lost with the pod. {_HOW}")
        return url
    return _sqlite(Path(url.database or "").resolve())


def _sqlite(path: Path) -> URL:
    return URL.create("sqlite+pysqlite", database=str(path))


@dataclass(frozen=True, slots=True)
class Mount:
    """The file system that holds a path.

    Attributes:
        type: as Linux names it; ``""`` where that cannot be known.
        root: the folder of that file system which is mounted.
    """

    type: str
    point: str
    root: str

    @property
    def is_local(self) -> bool:
        """Whether it is known to be a disk of this machine, where memory shared by processes works."""
        return self.type in _LOCAL or self.type in _VOLATILE

    @property
    def is_volatile(self) -> bool:
        """Whether a restarted pod finds it empty."""
        return self.type in _VOLATILE or _POD_FOLDER.search(f"{self.root}/") is not None


def find_mount(path: Path, table: str | None = None) -> Mount:
    """The file system that holds a path.

    Args:
        path: absolute and without links.
        table: the text of ``/proc/self/mountinfo``; None reads it.

    Source:
        proc_pid_mountinfo(5).
    """
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            return Mount("", "/", "/")
    found = Mount("", "/", "/")
    for line in table.strip().split("\n"):
        fields, _, tail = line.partition(" - ")
        root, point = (_unescape(field) for field in fields.split(" ")[3:5])
        # A later mount hides an earlier one at the same place.
        if path.is_relative_to(point) and len(point) >= len(found.point):
            found = Mount(tail.split(" ")[0], point, root)
    return found


def check_survives(path: Path, mount: Mount, *, on_kubernetes: bool) -> None:
    """Refuse a path that a restart of the pod would lose.

    Raises:
        StoreError: it names the file system and what to do.
    """
    if on_kubernetes and mount.is_volatile:
        kind = mount.type if mount.type in _VOLATILE else "a folder of the pod"
        raise StoreError(
            f"{path} lies on {kind} (mounted at {mount.point}) and would be lost with the pod. "
            f"Mount a persistent volume there. {_HOW}"
        )


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
