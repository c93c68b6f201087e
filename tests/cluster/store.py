"""Images as containerd keeps them, unpacked once and linked into each cluster.

Importing half a gigabyte takes long on a slow disk; links take a second. That is safe because
containerd never changes a file of a layer or a blob: containers write to layers of their own,
and its data bases are copied.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import root
from tests.cluster.image import NOTEBOOK_IMAGE, PAUSE_IMAGE, notebook_archive, pause_archive
from tests.cluster.machine import run, snapshotter
from tests.cluster.places import (
    REPOSITORY,
    ClusterUnavailable,
    Say,
    build_once,
    cache_folder,
    digest,
    remove_older,
    say,
    step,
)
from tests.cluster.settings import DISABLED_PLUGINS

START_SECONDS = 20.0


def image_store(programs: Path, tell: Say = say) -> Path:
    """Return a folder that is containerd's root with both images in it.

    Args:
        programs: folder of the built programs, for ``pause``.
        tell: prints a progress line.

    Raises:
        ClusterUnavailable: an image could not be built or imported.
    """
    notebook = notebook_archive(tell)
    kind = snapshotter(cache_folder())
    version = run("containerd", "--version").strip()
    key = digest([], notebook.parent.name, programs.name, kind, version)

    def build(part: Path) -> None:
        pause = pause_archive(programs / "pause", part / "pause.tar")
        with step("importing images", tell):
            _import(part / "root", kind, [pause, notebook])

    store = build_once(cache_folder() / "store" / key, build, "the image store", tell)
    remove_older(store.parent, keep=store)
    return store / "root"


def image_store_as_root(programs: Path, tell: Say = say) -> Path:
    """Return the same; whoever we are, what needs root is done as root."""
    if os.geteuid() == 0:
        return image_store(programs, tell)
    return Path(root.run_python("tests.cluster", "store"))


def link_store(store: Path, target: Path) -> None:
    """Make a containerd root from a store: by links where possible, else by copying."""
    target.parent.mkdir(parents=True, exist_ok=True)
    same_disk = store.stat().st_dev == target.parent.stat().st_dev
    run("cp", "--archive", *(["--link"] if same_disk else []), store, target)
    for path in target.rglob("*.db"):
        if "snapshots" not in path.relative_to(target).parts:
            own = path.with_suffix(".own")
            shutil.copy2(path, own)
            own.replace(path)


def _import(root: Path, kind: str, archives: list[Path]) -> None:
    """Run a containerd of one's own, in namespaces of its own, to fill a folder."""
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command = [*alone, sys.executable, "-m", "tests.cluster.store", root, kind, *archives]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise ClusterUnavailable(f"containerd could not import the images:\n{tail}")


def _fill(root: Path, kind: str, archives: list[Path]) -> None:
    """Start containerd, import, stop it; runs inside the namespaces."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    scratch = Path(tempfile.mkdtemp(dir="/run"))
    socket = scratch / "socket"
    disabled = [*DISABLED_PLUGINS, "io.containerd.grpc.v1.cri"]
    settings = scratch / "containerd.toml"
    settings.write_text(
        f'version = 2\nroot = "{root}"\nstate = "{scratch}/state"\n'
        f"disabled_plugins = {disabled}\n"
        f'[grpc]\n  address = "{socket}"\n'
        f'[plugins."io.containerd.internal.v1.opt"]\n  path = "{scratch}/opt"\n'
    )
    daemon = subprocess.Popen(["containerd", f"--config={settings}"])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise ClusterUnavailable("containerd did not start")
            time.sleep(0.05)
        ctr = ["ctr", f"--address={socket}", "--namespace=k8s.io", "images"]
        for archive in archives:
            run(*ctr, "import", f"--snapshotter={kind}", archive)
        names = run(*ctr, "ls", "--quiet").split()
        if not {NOTEBOOK_IMAGE, PAUSE_IMAGE} <= set(names):
            raise ClusterUnavailable(f"containerd imported only {names}")
        for name in names:
            # The kubelet's side of containerd takes no image without this mark.
            run(*ctr, "label", name, "io.cri-containerd.image=managed")
    finally:
        daemon.terminate()
        daemon.wait(timeout=START_SECONDS)
    os.sync()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("kind")
    parser.add_argument("archives", type=Path, nargs="+")
    options = parser.parse_args()
    _fill(options.root, options.kind, options.archives)
