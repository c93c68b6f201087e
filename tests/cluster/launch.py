"""Become process 1 of new namespaces; runs as root, started by ``process.Namespaces``.

Takes the folder's lock, which process 1 then holds for as long as it lives.
"""

import argparse
import fcntl
import os
import sys
from pathlib import Path

from tests.cluster.settings import UNAVAILABLE


def main() -> None:
    """Take the lock and become ``unshare``, which starts the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workdir", type=Path, required=True)
    options, others = parser.parse_known_args()
    lock = os.open(options.workdir / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{UNAVAILABLE} a cluster is running already in {options.workdir}", flush=True)
        sys.exit(1)
    network = os.open("/proc/self/ns/net", os.O_RDONLY)
    for file in (lock, network):
        os.set_inheritable(file, True)
    (options.workdir / "state.json").unlink(missing_ok=True)
    (options.workdir / "pid").write_text(f"{os.getpid()}\n")
    command = [
        *("unshare", "--mount", "--net", "--pid", "--fork"),
        *("--kill-child", "--mount-proc", "--propagation=slave"),
        *(sys.executable, "-m", "tests.cluster.supervisor"),
        *("--workdir", str(options.workdir), "--host-network", str(network), *others),
    ]
    os.execvp(command[0], command)  # noqa: S606  this process becomes that one


if __name__ == "__main__":
    main()
