#!/bin/sh
# Put jupyterhub-edu into an environment that has a JupyterHub, and leave that JupyterHub at its minor release: a chart
# and its hub belong together.
#
# Run by the Dockerfile beside it. What pip needs to know comes from its own settings (PIP_INDEX_URL, ...).
#
# Usage: install.sh WHEEL [REQUIREMENT ...]      such as install.sh jupyterhub_edu-0.1.0-py3-none-any.whl 'psycopg[binary]'
set -eu

hub=$(python3 -c 'from importlib.metadata import version; print(version("jupyterhub"))')
python3 -m pip install --no-cache-dir "jupyterhub~=$hub" "$@"
python3 -m pip check
python3 -c 'import jupyterhub_edu.preset'
jupyterhub-edu --version
