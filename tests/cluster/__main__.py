"""``python -m tests.cluster``: start, stop and look at a cluster by hand."""

import argparse
import os
import sys
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.demo import run_demo
from tests.cluster.image import notebook_archive
from tests.cluster.places import ClusterFailed, ClusterUnavailable, package_names
from tests.cluster.process import Namespaces, check_machine
from tests.cluster.programs import programs
from tests.cluster.store import image_store, image_store_as_root


def default_folder() -> Path:
    """Return where a cluster started by hand has its state and logs."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "jupyterhub-edu" / "cluster"


def start(folder: Path) -> None:
    """Start a cluster that runs until stopped; prints how to reach it."""
    if Namespaces.running(folder) is None:
        Cluster(folder).start(detached=True)
    status(folder)


def stop(folder: Path) -> None:
    """Stop it."""
    if Namespaces.running(folder) is not None:
        Cluster.connected(folder).stop()


def status(folder: Path) -> None:
    """Print where it is."""
    cluster = Cluster.connected(folder)
    print(f"KUBECONFIG={cluster.kubeconfig()}")
    print(f"JUPYTERHUB_EDU_HUB_IP={cluster.hub_ip}")
    print(f"JUPYTERHUB_EDU_NOTEBOOK_IMAGE={cluster.notebook_image}")


def kubeconfig(folder: Path) -> None:
    """Print the path of the administrator's kubeconfig file."""
    print(Cluster.connected(folder).kubeconfig())


def build(_: Path) -> None:
    """Build everything that a start needs: programs, notebook image, unpacked images."""
    check_machine()
    built = programs()
    print(built)
    print(image_store_as_root(built))


def demo(_: Path) -> None:
    """Run the demo on a cluster of its own until Ctrl-C."""
    run_demo()


def image(_: Path) -> None:
    """Build the notebook image only; prints its archive, for ``ctr`` or ``docker load``."""
    print(notebook_archive())


def store(_: Path) -> None:
    """Unpack the images for containerd; prints the folder. Needs root."""
    print(image_store(programs()))


def packages(_: Path) -> None:
    """Print the Debian packages that the cluster needs."""
    print(" ".join(package_names()))


def main() -> int:
    """Run one command."""
    commands = (start, stop, status, kubeconfig, build, demo, image, store, packages)
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    chosen = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        sub = chosen.add_parser(command.__name__, help=command.__doc__)
        sub.add_argument("--folder", type=Path, default=default_folder())
        sub.set_defaults(run=command)
    options = parser.parse_args()
    try:
        options.run(options.folder.resolve())
    except (ClusterUnavailable, ClusterFailed) as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
