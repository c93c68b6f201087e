"""The notebook image without a registry: debootstrap, ``docker/notebook/install.sh``, one tar.

The script is the one that ``docker/notebook/Dockerfile`` runs. The result is an archive as
``docker save`` writes it, which ``ctr images import`` reads.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cluster.places import (
    REPOSITORY,
    ClusterUnavailable,
    Say,
    build_once,
    cache_folder,
    digest,
    remove_older,
    require_programs,
    say,
    step,
)

RECIPE = REPOSITORY / "docker" / "notebook"
NOTEBOOK_IMAGE = "localhost/jupyterhub-edu/notebook:test"
PAUSE_IMAGE = "localhost/jupyterhub-edu/pause:test"
SUITE = "bookworm"
SUITE_PYTHON = "3.11.2"
SUITE_GLIBC_MINOR = 36
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGES = ["ca-certificates", "python3", "python3-venv", "tini"]
IN_IMAGE = "tmp/notebook"
UNUSED = ["./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*", "./var/cache/apt/*", "./root/*"]


def notebook_archive(tell: Say = say) -> Path:
    """Return the notebook image as a docker-archive, building it first if its inputs changed.

    Raises:
        ClusterUnavailable: a program is missing, or a step failed; carries its last words.
    """
    inputs = [RECIPE / name for name in ("Dockerfile", "install.sh", "requirements.txt")]
    key = digest(inputs, SUITE, *PACKAGES, *UNUSED)
    target = cache_folder() / "image" / key
    folder = build_once(target, lambda part: _build(part, tell), "the notebook image", tell)
    remove_older(folder.parent, keep=folder)
    return folder / "notebook.tar"


def _build(folder: Path, tell: Say) -> None:
    """Make ``notebook.tar`` in a folder."""
    if os.geteuid() != 0:
        raise ClusterUnavailable("building the notebook image needs root (debootstrap, chroot)")
    root = folder / "root"
    with step("notebook image: downloading Python packages", tell):
        _download(folder / "wheels")
    debian = build_once(
        cache_folder() / "debian" / digest([], SUITE, *PACKAGES),
        lambda part: _debootstrap(part, tell),
        "Debian",
        tell,
    )
    with step("notebook image: unpacking Debian", tell):
        root.mkdir(mode=0o755)
        _run(["tar", "--numeric-owner", "-C", root, "-xpf", debian / "debian.tar"])
    with step("notebook image: installing JupyterLab", tell):
        _install(root, folder / "wheels")
    with step("notebook image: packing", tell):
        layer = folder / "layer.tar"
        _pack(root, layer)
        archive(folder / "notebook.tar", NOTEBOOK_IMAGE, layer, _run_settings())
        layer.unlink()


def _debootstrap(folder: Path, tell: Say) -> None:
    """Make ``debian.tar``: Debian's essential packages and Python."""
    require_programs(["debootstrap"])
    keyring = [f"--keyring={KEYRING}"] if KEYRING.exists() else []
    options = ["--variant=minbase", f"--include={','.join(PACKAGES)}", *keyring]
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    with step("notebook image: a bare Debian", tell):
        _run(["debootstrap", *options, SUITE, folder / "root", mirror()], PATH=path)
        _pack(folder / "root", folder / "debian.tar")


def _pack(root: Path, target: Path) -> None:
    """Pack a root folder without what only a running system has, and remove it."""
    exclusions = [f"--exclude={pattern}" for pattern in UNUSED]
    _run(["tar", "--numeric-owner", *exclusions, "-C", root, "-cf", target, "."])
    _run(["rm", "-rf", "--one-file-system", root])


def mirror() -> str:
    """Return where Debian comes from: as told, or as apt does it here.

    Raises:
        ClusterUnavailable: neither knows a place for the image's Debian.
    """
    told = os.environ.get("JUPYTERHUB_EDU_DEBIAN_MIRROR")
    if told:
        return told
    command = ["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        answer = ""
    for line in answer.splitlines():
        site, codename, component = [*line.split(), "", "", ""][:3]
        if codename == SUITE and component == "main" and site.startswith("http"):
            return site
    raise ClusterUnavailable(
        f"apt here knows no place for Debian {SUITE}: run apt-get update, or name a mirror in "
        "JUPYTERHUB_EDU_DEBIAN_MIRROR"
    )


def _download(wheels: Path) -> None:
    """Fetch the wheels of ``requirements.txt`` for the image's Python with this machine's pip."""
    machine = os.uname().machine
    glibc = [f"manylinux_2_{minor}_{machine}" for minor in range(SUITE_GLIBC_MINOR, 4, -1)]
    platforms = [*glibc, *(f"{name}_{machine}" for name in ("manylinux2014", "manylinux1"))]
    pip: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    for name in platforms:
        pip += ["--platform", name]
    pip += ["--only-binary", ":all:", "--python-version", SUITE_PYTHON, "--dest", wheels]
    _run([*pip, "--requirement", RECIPE / "requirements.txt"])


def _install(root: Path, wheels: Path) -> None:
    """Run ``install.sh`` inside the folder, with the wheels at hand and no network."""
    place = root / IN_IMAGE
    place.mkdir(parents=True)
    wheels.rename(place / "wheels")
    for name in ("install.sh", "requirements.txt"):
        (place / name).write_bytes((RECIPE / name).read_bytes())
    inside = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": f"/{IN_IMAGE}/wheels",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    variables = [f"{name}={value}" for name, value in inside.items()]
    alone = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    enter = 'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
    script = ["sh", f"/{IN_IMAGE}/install.sh", f"/{IN_IMAGE}/requirements.txt"]
    _run([*alone, "sh", "-ec", enter, root, "env", "-i", *variables, *script])


def _run_settings() -> dict[str, Any]:
    """Read the image's settings from the Dockerfile, so that they are written once."""
    lines = (RECIPE / "Dockerfile").read_text().splitlines()
    words = dict(line.split(" ", 1) for line in lines if re.match(r"[A-Z]+ ", line))
    return {
        "Env": words["ENV"].split(),
        "WorkingDir": words["WORKDIR"],
        "User": words["USER"],
        "ExposedPorts": {f"{words['EXPOSE']}/tcp": {}},
        "Entrypoint": json.loads(words["ENTRYPOINT"]),
        "Cmd": json.loads(words["CMD"]),
    }


def pause_archive(program: Path, target: Path) -> Path:
    """Write the image of the program that holds a pod's namespaces; it has nothing else."""
    layer = target.with_suffix(".layer")
    with tarfile.open(layer, "w") as file:
        entry = tarfile.TarInfo("pause")
        entry.mode, entry.size = 0o755, program.stat().st_size
        with program.open("rb") as source:
            file.addfile(entry, source)
    archive(target, PAUSE_IMAGE, layer, {"Entrypoint": ["/pause"], "User": "65535:65535"})
    layer.unlink()
    return target


def archive(target: Path, name: str, layer: Path, settings: dict[str, Any]) -> None:
    """Write a docker-archive of one layer.

    Source:
        The image format of ``docker save``: manifest.json, one configuration, layers as tar.
    """
    with layer.open("rb") as file:
        layer_hash = hashlib.file_digest(file, "sha256").hexdigest()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    configuration = json.dumps(
        {
            "architecture": machine,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_hash}"]},
            "history": [{"created_by": "docker/notebook/install.sh"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as file:
        for member, content in (
            ("manifest.json", json.dumps(manifest).encode()),
            (config_name, configuration),
        ):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
        file.add(layer, "layer.tar")


def _run(command: Sequence[str | Path], **environment: str) -> None:
    """Run a command quietly.

    Raises:
        ClusterUnavailable: it failed; carries the end of what it printed.
    """
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise ClusterUnavailable(f"`{command[0]}` failed ({done.returncode}):\n{tail}")
