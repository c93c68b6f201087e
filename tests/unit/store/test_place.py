import sys
from pathlib import Path

import pytest

from jupyterhub_edu.ports import StoreError
from jupyterhub_edu.store import open_store
from jupyterhub_edu.store.place import Mount, check_survives, find_mount, locate

_PLACES = {
    "beside the hub's file": (
        None,
        "sqlite:////srv/jupyterhub/jupyterhub.sqlite",
        "sqlite+pysqlite:////srv/jupyterhub/jupyterhub-edu.sqlite",
    ),
    "beside the hub's file given as a plain path": (
        None,
        "/srv/hub.db",
        "sqlite+pysqlite:////srv/hub-edu.db",
    ),
    "beside a hub's file without an ending": (
        None,
        "sqlite:////srv/hub",
        "sqlite+pysqlite:////srv/hub-edu.sqlite",
    ),
    "a file of its own": (
        "sqlite:////var/edu.sqlite",
        "mysql://root@db/hub",
        "sqlite+pysqlite:////var/edu.sqlite",
    ),
    "PostgreSQL by any of its names": (
        "postgres://edu@db/edu",
        None,
        "postgresql+psycopg://edu@db/edu",
    ),
    "the hub's own PostgreSQL database": (
        "postgresql://edu@db/hub",
        "postgresql://edu@db/hub",
        "postgresql+psycopg://edu@db/hub",
    ),
    "in memory, when a test asks": ("sqlite://", None, "sqlite://"),
}


@pytest.mark.parametrize(("url", "hub", "place"), _PLACES.values(), ids=_PLACES)
def test_the_store_is_kept(url, hub, place):
    found = locate(url, hub, on_kubernetes=False)

    assert found.render_as_string(hide_password=False) == place


def test_without_any_url_it_is_beside_jupyterhubs_default_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    found = locate(None, None, on_kubernetes=True)

    assert found.database == str(tmp_path.resolve() / "jupyterhub-edu.sqlite")


_REFUSED = {
    "a hub in PostgreSQL and no URL": (None, "postgresql://hub:secret@db/hub", False, "no file"),
    "a hub in MySQL and no URL": (None, "mysql+pymysql://hub:secret@db/hub", True, "no file"),
    "a hub in memory and no URL": (None, "sqlite://", True, "no file"),
    "the hub's own SQLite file": (
        "sqlite:////srv/../srv/h.db",
        "sqlite:////srv/h.db",
        False,
        "own",
    ),
    "MySQL": ("mysql://edu:secret@db/edu", None, False, "not mysql"),
    "another driver": ("postgresql+psycopg2://edu:secret@db/edu", None, False, "psycopg2"),
    "no URL at all": ("/srv/edu.sqlite", None, False, "cannot be read"),
    "a password with a wrong port": ("postgresql://edu:secret@db:x/edu", None, False, "read"),
    "SQLite with options": ("sqlite:////srv/edu.db?mode=ro", None, False, "plain path"),
    "SQLite by a file address": ("sqlite:///file:/srv/edu.db", None, False, "plain path"),
    "memory in a pod": ("sqlite://", None, True, "lost with the pod"),
}


@pytest.mark.parametrize(("url", "hub", "on_kubernetes", "why"), _REFUSED.values(), ids=_REFUSED)
def test_a_place_is_refused_with_the_way_out(url, hub, on_kubernetes, why):
    with pytest.raises(StoreError, match=why) as refusal:
        locate(url, hub, on_kubernetes=on_kubernetes)

    assert "another" in str(refusal.value) or "postgresql://user@host" in str(refusal.value)
    assert "secret" not in str(refusal.value)


async def test_postgresql_without_its_driver_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    store = open_store("postgresql://edu@db/edu")

    with pytest.raises(StoreError, match=r"pip install 'jupyterhub-edu\[postgresql\]'"):
        await store.open()
    await store.close()


# A pod of the stock chart: image layers, the claim, an emptyDir, a Secret, shared memory, and an NFS share.
POD = r"""
1564 1432 0:312 / / rw,relatime master:432 - overlay overlay rw,lowerdir=/var/lib/containerd/1
1568 1564 0:315 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
1571 1564 259:3 /vol/pvc-7f1e /srv/jupyterhub rw,noatime - xfs /dev/nvme1n1 rw,attr2
1572 1564 259:1 /var/lib/kubelet/pods/0b/volumes/kubernetes.io~empty-dir/scratch /scratch rw,noatime - ext4 /dev/nvme0n1p1 rw
1573 1564 0:290 / /etc/secrets ro,relatime - tmpfs tmpfs rw,size=512000k
1575 1564 0:400 /exports/hub /mnt/home\040of\040hub rw,relatime shared:9 - nfs4 10.0.0.9:/exports/hub rw,vers=4.2
1576 1564 0:401 / /mnt/over rw - tmpfs tmpfs rw
1577 1576 259:9 / /mnt/over rw - ext4 /dev/sdb rw
"""

_MOUNTS = {
    "image layers": ("/opt/edu.sqlite", "overlay", True, True),
    "the claim": ("/srv/jupyterhub/jupyterhub.sqlite", "xfs", False, True),
    "a name that only begins alike": ("/srv/jupyterhub2/x", "overlay", True, True),
    "an emptyDir on the node's disk": ("/scratch/edu/x", "ext4", True, True),
    "shared memory": ("/dev/shm/x", "tmpfs", True, True),
    "a network share, with blanks in its name": ("/mnt/home of hub/x", "nfs4", False, False),
    "the later of two mounts at one place": ("/mnt/over/x", "ext4", False, True),
}


@pytest.mark.parametrize(
    ("path", "kind", "is_volatile", "is_local"), _MOUNTS.values(), ids=_MOUNTS
)
def test_the_file_system_of_a_path_is_found(path, kind, is_volatile, is_local):
    mount = find_mount(Path(path), POD)

    assert (mount.type, mount.is_volatile, mount.is_local) == (kind, is_volatile, is_local)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", ""])
def test_a_network_or_unknown_file_system_is_not_taken_for_a_disk(kind):
    assert not Mount(kind, "/", "/").is_local


def test_this_machine_names_the_file_system_of_the_root():
    assert find_mount(Path("/proc/self")).type == "proc"


@pytest.mark.parametrize("path", ["/opt/edu.sqlite", "/scratch/edu.sqlite", "/dev/shm/x"])
def test_in_a_pod_a_path_that_goes_with_it_is_refused(path):
    mount = find_mount(Path(path), POD)

    with pytest.raises(StoreError, match=r"would be lost with the pod\. Mount a persistent"):
        check_survives(Path(path), mount, on_kubernetes=True)

    check_survives(Path(path), mount, on_kubernetes=False)


@pytest.mark.parametrize("path", ["/srv/jupyterhub/edu.sqlite", "/mnt/home of hub/edu.sqlite"])
def test_in_a_pod_a_path_on_a_volume_is_taken(path):
    check_survives(Path(path), find_mount(Path(path), POD), on_kubernetes=True)
