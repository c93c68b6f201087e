"""The login page is drawn from what the hub draws its own from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from jupyterhub.handlers import LoginHandler

from jupyterhub_edu.authenticator import EduAuthenticator
from jupyterhub_edu.authenticator.page import LoginPage


class APage(LoginPage):
    """The page of a request, which says what it would be drawn from."""

    hub = SimpleNamespace(base_url="/hub/")
    settings: ClassVar = {"login_url": "/hub/login"}
    authenticator: Any = None
    xsrf_token = b"token"

    def __init__(self, custom_html: str, going_on: str) -> None:
        self.authenticator = EduAuthenticator(custom_html=custom_html)
        self.going_on = going_on

    def get_argument(self, name: str, default: Any = None, strip: bool = True) -> Any:
        assert name == "next"
        return self.going_on

    def render_template(self, name: str, sync: bool = False, **ns: Any) -> Any:
        return name, {**ns, "sync": sync}


@pytest.mark.parametrize("going_on", ["", "/hub/spawn?course=ml&x=ä#y"])
@pytest.mark.parametrize(
    "custom_html",
    ["", "<b>{{ username }} {{ next }}</b>"],
    ids=["without a deployment's own form", "with one"],
)
def test_the_page_is_drawn_from_what_the_hub_draws_its_own_from(
    custom_html: str, going_on: str
) -> None:
    page = APage(custom_html, going_on)

    name, drawn_from = page._render(login_error="no", username="ada", sync=True)
    assert name == "login.html"
    assert drawn_from == LoginHandler._render(page, "no", "ada", sync=True)[1]
    assert bool(drawn_from["custom_html"]) == bool(custom_html)
