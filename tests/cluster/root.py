"""Root, for the few things that need it: as we are, or by sudo where it asks for nothing."""

import functools
import os
import shutil
import signal
import subprocess
import sys

from tests.cluster.places import REPOSITORY, ClusterUnavailable, cache_folder


@functools.cache
def prefix() -> tuple[str, ...]:
    """Return the words before a command that needs root; none if this is root.

    Raises:
        ClusterUnavailable: neither root nor a sudo that works without a password now.
    """
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    works = sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    if not works or works.returncode != 0:
        raise ClusterUnavailable(
            "the real Kubernetes of the tests needs root, for a node that runs containers: run "
            "as root, or `sudo -v` first, or set JUPYTERHUB_EDU_CLUSTER=existing and KUBECONFIG"
        )
    return ("sudo", "-n")


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package as root with our cache folder."""
    told = ["JUPYTERHUB_EDU_DEBIAN_MIRROR"]
    kept = [f"{name}={os.environ[name]}" for name in os.environ if _for_pip(name) or name in told]
    path = f"PATH={os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    environment = ["env", path, f"XDG_CACHE_HOME={cache_folder().parent}", *kept]
    return [*prefix(), *environment, sys.executable, "-m", module, *arguments]


def run_python(module: str, *arguments: str) -> str:
    """Run a module as root, its progress shown as ours, and return what it prints.

    Raises:
        ClusterUnavailable: it failed; it has said why.
    """
    done = subprocess.run(
        python(module, *arguments), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise ClusterUnavailable(f"`python -m {module} {' '.join(arguments)}` failed as root")
    return done.stdout.strip()


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process of root."""
    if os.geteuid() == 0:
        os.kill(pid, number)
    else:
        subprocess.run(
            [*prefix(), "kill", f"-{number.name.removeprefix('SIG')}", str(pid)], check=False
        )


def _for_pip(name: str) -> bool:
    return name.startswith("PIP_") or name.lower() in ("http_proxy", "https_proxy", "no_proxy")
