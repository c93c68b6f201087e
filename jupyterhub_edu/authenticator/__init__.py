"""Floor 4: Identity to JupyterHub's auth model; the login page; refresh. One file per login shape."""

from .edu import TEMPLATES, EduAuthenticator

__all__ = ["TEMPLATES", "EduAuthenticator"]
