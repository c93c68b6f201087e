"""Every address of the desk."""

from __future__ import annotations

from .admin import admin_routes
from .api import api_routes
from .audit_pages import audit_routes
from .board_api import board_routes
from .board_pages import board_page_routes
from .calendar_pages import calendar_page_routes
from .calendar_upload import calendar_upload_routes
from .campus_pages import campus_routes
from .configuration import configuration_routes
from .course_sync import course_sync_routes
from .exam_pages import exam_page_routes
from .exams import exam_routes
from .explain import explain_routes
from .explain_pages import explain_page_routes
from .first_day_api import first_day_api_routes
from .first_day_pages import first_day_page_routes
from .founding import founding_routes
from .grants import grant_routes
from .help_pages import help_page_routes
from .helps import help_routes
from .import_pages import import_page_routes
from .imports import import_routes
from .join import join_api_routes
from .join_pages import join_page_routes
from .limits import limit_routes
from .limits_pages import limit_page_routes
from .line_pages import line_routes
from .links import link_routes
from .log_pages import log_routes
from .openapi import openapi_routes
from .pages import page_routes
from .people import people_routes
from .people_pages import people_page_routes
from .requests_api import request_api_routes
from .requests_pages import request_page_routes
from .session import session_routes
from .usage import usage_routes
from .usage_pages import usage_page_routes
from .use_pages import use_routes
from .windows_api import window_routes

__all__ = ["desk_routes"]


def desk_routes() -> list[tuple[str, type]]:
    """Patterns and handlers, for ``hub.add_routes``."""
    return [
        *page_routes(),
        *api_routes(),
        *board_routes(),
        *board_page_routes(),
        *admin_routes(),
        *audit_routes(),
        *campus_routes(),
        *configuration_routes(),
        *calendar_page_routes(),
        *calendar_upload_routes(),
        *exam_page_routes(),
        *exam_routes(),
        *explain_routes(),
        *explain_page_routes(),
        *first_day_api_routes(),
        *first_day_page_routes(),
        *founding_routes(),
        *grant_routes(),
        *join_api_routes(),
        *help_routes(),
        *help_page_routes(),
        *join_page_routes(),
        *limit_routes(),
        *limit_page_routes(),
        *line_routes(),
        *log_routes(),
        *link_routes(),
        *openapi_routes(),
        *people_routes(),
        *people_page_routes(),
        *import_routes(),
        *import_page_routes(),
        *course_sync_routes(),
        *request_api_routes(),
        *request_page_routes(),
        *session_routes(),
        *usage_routes(),
        *usage_page_routes(),
        *use_routes(),
        *window_routes(),
    ]
