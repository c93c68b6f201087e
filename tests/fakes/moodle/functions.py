"""The web-service functions, each with the capabilities without which it says no, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .php import BOOL, INT, TEXT, BadParameter, Spec, check
from .site import SEPARATE_GROUPS, SERVICE, Course, Enrolment, Site, User

Row = dict[str, Any]
_USERNAME = re.compile(r"[a-z0-9._@-]*")
_FIELDS = frozenset(
    [
        "id",
        "username",
        "fullname",
        "firstname",
        "lastname",
        "email",
        "department",
        "idnumber",
        "firstaccess",
        "lastaccess",
        "lastcourseaccess",
        "description",
        "descriptionformat",
        "profileimageurlsmall",
        "profileimageurl",
        "groups",
        "roles",
        "enrolledcourses",
        "suspended",
    ]
)


class MoodleError(Exception):
    """An error as Moodle tells it, with HTTP 200."""

    def __init__(self, errorcode: str, exception: str, message: str) -> None:
        super().__init__(message)
        self.errorcode, self.exception, self.message = errorcode, exception, message


def no_access() -> MoodleError:
    return MoodleError(
        "accessexception", "webservice_access_exception", "Access control exception"
    )


def _no_permission(what: str) -> MoodleError:
    message = f"Sorry, but you do not currently have permissions to do that ({what})."
    return MoodleError("nopermissions", "required_capability_exception", message)


def _no_course() -> MoodleError:
    message = "Can't find data record in database table course."
    return MoodleError("invalidrecord", "dml_missing_record_exception", message)


def _bad_parameter() -> MoodleError:
    message = "Invalid parameter value detected"
    return MoodleError("invalidparameter", "invalid_parameter_exception", message)


def call(site: Site, function: str, arguments: Row) -> Any:
    """What a function answers.

    Raises:
        MoodleError: it is not in the service, its arguments are wrong, or something is not permitted.
    """
    offered = site.functions if site.functions is not None else set(FUNCTIONS)
    if not function.startswith("core_"):
        message = "Can't find data record in database table external_functions."
        raise MoodleError("invalidrecord", "dml_missing_record_exception", message)
    if function not in FUNCTIONS or function not in offered or not site.may("webservice/rest:use"):
        raise no_access()
    spec, run = FUNCTIONS[function]
    try:
        return run(site, check(spec, arguments))
    except BadParameter:
        raise _bad_parameter() from None


def _site_info(site: Site, _: Row) -> Row:
    me = site.users[SERVICE]
    offered = site.functions if site.functions is not None else set(FUNCTIONS)
    return {
        "sitename": "Example University",
        "username": me.username,
        "firstname": me.firstname,
        "lastname": me.lastname,
        "fullname": me.fullname,
        "lang": "en",
        "userid": SERVICE,
        "siteurl": site.wwwroot,
        "userpictureurl": f"{site.wwwroot}/theme/image.php/boost/core/1/u/f1",
        "functions": [{"name": name, "version": "2023100900"} for name in sorted(offered)],
        "downloadfiles": 0,
        "uploadfiles": 0,
        "release": f"{site.release} (Build: 20231009)",
        "version": "2023100900",
        "mobilecssurl": "",
        "advancedfeatures": [{"name": "usecomments", "value": 1}],
        "usercanmanageownfiles": True,
        "userquota": 104857600,
        "usermaxuploadfilesize": 2097152,
        "userhomepage": 1,
        "userprivateaccesskey": "fake-access-key",
        "siteid": 1,
        "sitecalendartype": "gregorian",
        "usercalendartype": "gregorian",
        "userissiteadmin": site.owner_is_admin,
        "theme": "boost",
        "limitconcurrentlogins": 0,
    }


def _users_by_field(site: Site, given: Row) -> list[Row]:
    field, values = given["field"], given["values"]
    if field not in {"id", "idnumber", "username", "email"}:
        raise BadParameter(field)
    if field == "username" and not all(map(_USERNAME.fullmatch, values)):
        raise BadParameter("a capital or an accent")  # the whole batch is lost
    if field == "id" and not all(value.isdecimal() for value in values):
        raise BadParameter("no number")
    if field == "id":
        found = [site.users[int(value)] for value in values if int(value) in site.users]
    else:
        fold = str.lower if field == "email" else str
        wanted = {fold(value) for value in values}
        found = [user for user in site.users.values() if fold(getattr(user, field)) in wanted]
    return [
        _profile(site, user)
        for user in found
        if not user.deleted
        # Who may not look gets an empty list, and the own account.
        if site.may("moodle/user:viewalldetails") or user.id == SERVICE
    ]


def _users_courses(site: Site, given: Row) -> list[Row]:
    seen = site.may("moodle/course:viewparticipants") and site.may("moodle/user:viewdetails")
    return [
        {
            "id": course.id,
            "shortname": _escaped(course.shortname),
            "fullname": _escaped(course.fullname),
            "displayname": _escaped(course.fullname),
            **({"enrolledusercount": 0} if given.get("returnusercount", True) else {}),
            "idnumber": course.idnumber,
            "visible": int(course.visible),
            "summary": "",
            "summaryformat": 0,
            "format": "topics",
            "courseimage": f"{site.wwwroot}/pluginfile.php/{course.id}/course/generated/course.svg",
            "showgrades": True,
            "lang": "",
            "enablecompletion": True,
            "completionhascriteria": False,
            "completionusertracked": False,
            "category": course.category,
            "progress": None,
            "completed": None,
            "startdate": 1790809200,
            "enddate": 1802649600,
            "marker": 0,
            "lastaccess": None,
            "isfavourite": False,
            "hidden": False,
            "overviewfiles": [],
            "showactivitydates": True,
            "showcompletionconditions": True,
            "timemodified": 1795194750,
        }
        for course, enrolment in site.courses_of(given["userid"])
        if seen and _may_enter(site, course) and enrolment.is_active(site.clock())
    ]


def _enrolled_users(site: Site, given: Row) -> list[Row]:
    options = {option["name"]: option["value"] for option in given.get("options", [])}
    course = _enter(site, given["courseid"])
    if not site.may("moodle/course:viewparticipants"):
        raise _no_permission("View participants")
    active, suspended = (options.get(name) == "1" for name in ("onlyactive", "onlysuspended"))
    if active and suspended:
        message = "Coding error detected, it must be fixed by a programmer"
        raise MoodleError("codingerror", "coding_exception", message)
    if (active or suspended) and not site.may("moodle/course:enrolreview"):
        raise _no_permission("Review course enrolments")
    fields = set(filter(None, options.get("userfields", "").split(","))) or set(_FIELDS)
    if strange := fields - _FIELDS:
        message = f"Invalid user field: {min(strange)}"
        raise MoodleError("invaliduserfield", "moodle_exception", message)
    if course.groupmode == SEPARATE_GROUPS and not site.may("moodle/site:accessallgroups"):
        return []
    now = site.clock()
    rows = [
        (user, enrolment)
        for user, enrolment in site.members(course.id)
        if not (active and not enrolment.is_active(now))
        and not (suspended and enrolment.is_active(now))
        and ("groupid" not in options or int(options["groupid"]) in enrolment.groups)
    ]
    if options.get("sortby", "id") in {"firstname", "lastname"}:
        rows.sort(key=lambda row: str(getattr(row[0], options["sortby"])))
    if options.get("sortdirection", "ASC") == "DESC":
        rows.reverse()
    begin, number = int(options.get("limitfrom", 0)), int(options.get("limitnumber", 0))
    rows = rows[begin : begin + number] if number else rows[begin:]
    if not site.may("moodle/user:viewdetails"):
        return []  # each row is looked at, and left out
    return [_member(site, course, user, enrolment, fields) for user, enrolment in rows]


def _member(site: Site, course: Course, user: User, enrolment: Enrolment, fields: set[str]) -> Row:
    profile = _profile(site, user)
    hidden = set() if site.may("moodle/user:viewalldetails") else {"username", "idnumber"}
    if not site.release.startswith("5"):
        hidden |= {"firstname", "lastname"}
    everything: Row = {
        "id": user.id,
        "username": user.username,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "fullname": user.fullname,
        "email": user.email,
        "department": "",
        "idnumber": user.idnumber,
        "firstaccess": 1795194991,
        "lastaccess": 1795195509,
        "lastcourseaccess": 1795195509,
        "description": "",
        "descriptionformat": 1,
        "profileimageurlsmall": profile["profileimageurlsmall"],
        "profileimageurl": profile["profileimageurl"],
        **_groups(course, enrolment),
        "roles": [site.role_row(name) for name in enrolment.roles],
    }
    if "enrolledcourses" in fields:
        everything["enrolledcourses"] = _enrolled_courses(site, user)
    shown = (fields | {"id", "fullname"}) - hidden
    return {key: value for key, value in everything.items() if key in shown}


def _course_user_profiles(site: Site, given: Row) -> list[Row]:
    rows: dict[int, Row] = {}
    for pair in given["userlist"]:
        course = _enter(site, pair["courseid"])
        user = site.users.get(pair["userid"])
        enrolment = site.enrolments.get((course.id, pair["userid"]))
        if user is None or user.deleted or enrolment is None:
            continue
        if not site.may("moodle/user:viewdetails"):
            continue
        if course.groupmode == SEPARATE_GROUPS and not site.may("moodle/site:accessallgroups"):
            continue
        profile = _profile(site, user)
        if not site.may("moodle/user:viewalldetails"):
            del profile["username"], profile["idnumber"], profile["suspended"]
        # By user alone: of two courses the last is told, and not which it is.
        rows[user.id] = {
            **profile,
            **_groups(course, enrolment),
            "roles": [site.role_row(name) for name in enrolment.roles],
            "enrolledcourses": _enrolled_courses(site, user),
        }
    return list(rows.values())


def _courses_by_field(site: Site, given: Row) -> Row:
    field, value = given.get("field", ""), given.get("value", "")
    if field not in {"", "id", "ids", "shortname", "idnumber", "category"}:
        raise BadParameter(field)
    wanted: Callable[[Course], bool] = {
        "": lambda course: True,
        "id": lambda course: str(course.id) == value,
        "ids": lambda course: str(course.id) in value.split(","),
        "category": lambda course: str(course.category) == value,
        "shortname": lambda course: course.shortname == value,
        "idnumber": lambda course: course.idnumber == value,
    }[field]
    front_page = [] if field else [Course(1, "exuni", "Example University", category=0)]
    found = [course for course in (*front_page, *site.courses.values()) if wanted(course)]
    shown = [c for c in found if c.visible or site.may("moodle/course:viewhiddencourses")]
    teachers: dict[int, list[User]] = {}
    for (course_id, user), enrolment in list(site.enrolments.items()):
        if "editingteacher" in enrolment.roles and not site.users[user].deleted:
            teachers.setdefault(course_id, []).append(site.users[user])
    rows = [_course_row(site, course, teachers.get(course.id, [])) for course in shown]
    return {"courses": rows, "warnings": []}


def _course_row(site: Site, course: Course, teachers: list[User]) -> Row:
    category = site.categories.get(course.category)
    contacts = [{"id": user.id, "fullname": user.fullname} for user in teachers]
    row: Row = {
        "id": course.id,
        "fullname": _escaped(course.fullname),
        "displayname": _escaped(course.fullname),
        "shortname": _escaped(course.shortname),
        "courseimage": f"{site.wwwroot}/pluginfile.php/{course.id}/course/generated/course.svg",
        "categoryid": course.category,
        "categoryname": category.name if category else "",
        "sortorder": 10000 + course.id,
        "summary": "",
        "summaryformat": 0,
        "summaryfiles": [],
        "overviewfiles": [],
        "showactivitydates": True,
        "showcompletionconditions": True,
        "contacts": contacts,
        "enrollmentmethods": ["manual"],
    }
    if site.may("moodle/course:view"):
        row |= {
            "format": "topics",
            "showgrades": 1,
            "newsitems": 5,
            "startdate": 1790809200,
            "enddate": 1802649600,
            "maxbytes": 0,
            "showreports": 0,
            "visible": int(course.visible),
            "groupmode": course.groupmode,
            "groupmodeforce": 0,
            "defaultgroupingid": 0,
            "enablecompletion": 1,
            "completionnotify": 0,
            "lang": "",
            "theme": "",
            "marker": 0,
            "filters": [],
            "courseformatoptions": [],
        }
    if site.may("moodle/course:update"):
        row["idnumber"] = course.idnumber
    return row


def _categories(site: Site, given: Row) -> list[Row]:
    criteria = {item["key"]: item["value"] for item in given.get("criteria", [])}
    wanted = set(criteria["ids"].split(",")) if "ids" in criteria else None
    return [
        {
            "id": category.id,
            "name": _escaped(category.name),
            "description": "",
            "descriptionformat": 1,
            "parent": 0,
            "sortorder": 10000 * category.id,
            # Hidden courses count, whoever asks.
            "coursecount": sum(c.category == category.id for c in site.courses.values()),
            "depth": 1,
            "path": f"/{category.id}",
        }
        for category in site.categories.values()
        if wanted is None or str(category.id) in wanted
    ]


def _enter(site: Site, id: int) -> Course:
    course = site.courses.get(id)
    if course is None:
        raise _no_course()
    if not _may_enter(site, course):
        message = "You cannot execute functions in the course context"
        raise MoodleError("errorcoursecontextnotvalid", "moodle_exception", message)
    return course


def _may_enter(site: Site, course: Course) -> bool:
    visible = course.visible or site.may("moodle/course:viewhiddencourses")
    return visible and site.may("moodle/course:view")


def _profile(site: Site, user: User) -> Row:
    picture = f"{site.wwwroot}/theme/image.php/boost/core/1/u"
    return {
        "id": user.id,
        "username": user.username,
        "fullname": user.fullname,
        "email": user.email,
        "department": "",
        "idnumber": user.idnumber,
        "firstaccess": 1795194991,
        "lastaccess": 1795195509,
        "auth": "manual",
        "suspended": user.suspended,
        "confirmed": True,
        "lang": "en",
        "theme": "",
        "timezone": "Europe/London",
        "mailformat": 1,
        "description": "",
        "descriptionformat": 1,
        "profileimageurlsmall": f"{picture}/f2",
        "profileimageurl": f"{picture}/f1",
    }


def _groups(course: Course, enrolment: Enrolment) -> Row:
    """No word of groups where there are none."""
    rows = [
        {"id": id, "name": _escaped(course.groups[id]), "description": "", "descriptionformat": 0}
        for id in sorted(enrolment.groups)
    ]
    return {"groups": rows} if rows else {}


def _enrolled_courses(site: Site, user: User) -> list[Row]:
    return [
        {"id": course.id, "fullname": course.fullname, "shortname": course.shortname}
        for course, _ in site.courses_of(user.id)
    ]


def _escaped(text: str) -> str:
    """Moodle's format_string: an ampersand that begins no entity becomes one."""
    return re.sub(r"&(?!#?\w+;)", "&amp;", text)


_OPTIONS: Spec = [{"name": TEXT, "value": TEXT}]
_PAIRS: Spec = [{"userid": INT, "courseid": INT}]
FUNCTIONS: dict[str, tuple[Spec, Callable[[Site, Row], Any]]] = {
    "core_webservice_get_site_info": ({}, _site_info),
    "core_user_get_users_by_field": ({"field": TEXT, "values": [TEXT]}, _users_by_field),
    "core_enrol_get_users_courses": ({"userid": INT, "returnusercount?": BOOL}, _users_courses),
    "core_enrol_get_enrolled_users": ({"courseid": INT, "options?": _OPTIONS}, _enrolled_users),
    "core_user_get_course_user_profiles": ({"userlist": _PAIRS}, _course_user_profiles),
    "core_course_get_courses_by_field": ({"field?": TEXT, "value?": TEXT}, _courses_by_field),
    "core_course_get_categories": (
        {"criteria?": [{"key": TEXT, "value": TEXT}], "addsubcategories?": TEXT},
        _categories,
    ),
}
"""Arguments and answer by name."""
