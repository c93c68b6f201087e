"""Floor 4: Identity to JupyterHub's auth model; the login page; refresh. One file per login shape."""

from .edu import TEMPLATES, EduAuthenticator
from .launch import ROUTES
from .launch_former import FORMER_ROUTES
from .launch_tool import TOOL_ROUTES
from .redirect import callback_path

__all__ = ["LAUNCH_ROUTES", "TEMPLATES", "EduAuthenticator", "callback_path"]

LAUNCH_ROUTES = [*ROUTES, *TOOL_ROUTES, *FORMER_ROUTES]
