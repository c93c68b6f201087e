#!/bin/sh
# Turn a bare Debian into the notebook image: JupyterLab as a single-user server.
#
# Run by the Dockerfile beside it, and by tests/cluster/image.py in a debootstrap folder, so that
# the tests run the image that is shipped. What pip needs to know comes from its own settings
# (PIP_INDEX_URL, PIP_NO_INDEX, PIP_FIND_LINKS, ...).
#
# Usage: install.sh REQUIREMENTS
set -eu

requirements=$1
prefix=/opt/jupyter
export DEBIAN_FRONTEND=noninteractive

if ! python3 -c 'import ensurepip, venv' 2>/dev/null || ! command -v tini >/dev/null; then
    apt-get update
    apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv tini
fi

python3 -m venv "$prefix"
"$prefix/bin/python" -m pip install --no-cache-dir --no-deps --requirement "$requirements"
"$prefix/bin/python" -m pip check

# A numeric user without a password; the home folder is where clusters mount the volume.
getent group jovyan >/dev/null || groupadd --gid 1000 jovyan
getent passwd jovyan >/dev/null ||
    useradd --uid 1000 --gid 1000 --create-home --home-dir /home/jovyan --shell /bin/bash jovyan

# Nothing of this is needed to run.
find "$prefix" -name '*.map' -delete
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /usr/share/man/* \
    /usr/share/locale/* /var/log/*.log /root/.cache
