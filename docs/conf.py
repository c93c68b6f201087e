"""Sphinx settings. `make docs` builds into docs/_build/html, and a warning fails the build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from jupyterhub_edu._version import __version__

project = "jupyterhub-edu"
author = "jupyterhub-edu contributors"
copyright = "jupyterhub-edu contributors, BSD-3-Clause"
release = version = __version__

extensions = ["myst_parser", "autodoc_traits", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
autodoc_typehints = "none"

html_theme = "furo"
html_title = f"jupyterhub-edu {__version__}"
html_show_sourcelink = False
