"""What the desk answers when it does not do it: one table, the same words on pages and in JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http.client import responses
from types import MappingProxyType
from typing import Any, Final

from tornado import web

from jupyterhub_edu.core.named import Alike
from jupyterhub_edu.domain.words import join_words, say

__all__ = ["ROWS", "Code", "DeskError"]


class Code(StrEnum):
    """Machine codes of the desk's refusals."""

    NO_ACCOUNT = "no-account"
    NO_SUCH_COURSE = "no-such-course"
    NO_SUCH_SESSION = "no-such-session"
    NOT_ALLOWED = "not-allowed"
    NOT_READY = "not-ready"
    NOT_WRITTEN = "not-written"
    NOT_STOPPED = "not-stopped"
    ADMINS_ONLY = "admins-only"
    NO_SUCH_SOURCE = "no-such-source"
    NO_SUCH_PERSON = "no-such-person"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    NOT_ERASED = "not-erased"
    NOT_YOURS_TO_GIVE = "not-yours-to-give"
    SEVERAL_PEOPLE = "several-people"
    TOO_MANY = "too-many"
    NOT_IN_COURSE = "not-in-course"
    ABOVE_CEILING = "above-ceiling"
    NOT_YOUR_GRANTS = "not-your-grants"
    NO_SUCH_GRANT = "no-such-grant"
    CANNOT_GIVE = "cannot-give"
    NOT_YOUR_EXAMS = "not-your-exams"
    NO_SUCH_EXAM = "no-such-exam"
    CANNOT_EXAMINE = "cannot-hold-exam"
    NO_PLACE = "no-place"
    MAY_NOT_START = "may-not-start"
    TOO_OFTEN = "too-often"
    NO_SUCH_LIST = "no-such-list"
    CANNOT_LOOK = "cannot-look"
    STALE = "stale"
    NOT_YOUR_LIMITS = "not-your-limits"
    NO_SUCH_LIMIT = "no-such-limit"
    NO_SUCH_WINDOW = "no-such-window"
    LOCKED = "locked"
    CANNOT_ADJUST = "cannot-adjust"
    NOT_YOUR_REQUESTS = "not-your-requests"
    NO_SUCH_REQUEST = "no-such-request"
    ALREADY_ANSWERED = "already-answered"
    CANNOT_REQUEST = "cannot-request"
    CANNOT_EXPLAIN = "cannot-explain"
    NOT_YOURS_TO_EXPLAIN = "not-yours-to-explain"
    NOT_YOURS_TO_SEE = "not-yours-to-see"
    NOT_YOURS_TO_COPY = "not-yours-to-copy"
    NOT_OUR_COURSE = "not-our-course"
    CANNOT_MAKE_COURSE = "cannot-make-course"
    NO_SUCH_CODE = "no-such-code"
    NOT_AGAIN_YET = "not-again-yet"
    TOO_MANY_JOINS = "too-many-joins"
    NOT_YOUR_DOOR = "not-yours-to-let-in"
    NO_SUCH_JOIN = "no-such-join"
    CANNOT_MAKE_CODE = "cannot-make-code"
    NOT_YOURS_TO_START = "not-yours-to-start"
    CANNOT_START_CLASS = "cannot-start-class"
    NOT_YOUR_BOARD = "not-your-board"
    NOBODY_TO_STOP = "nobody-to-stop"
    NO_SUCH_STOPS = "no-such-stops"
    NOT_YOUR_MESSAGES = "not-your-messages"
    NO_SUCH_MESSAGE = "no-such-message"
    CANNOT_SEND = "cannot-send"
    SENT_TOO_MANY = "sent-too-many"
    NOT_YOURS_TO_HELP = "not-yours-to-help"
    NO_SUCH_HELP = "no-such-help"
    CANNOT_HELP = "cannot-help"


_RETRY_AFTER: Final = {429: "3600", 503: "10"}
"""Seconds, by HTTP status."""


@dataclass(frozen=True, slots=True)
class Row:
    """One refusal: HTTP status, sentence, and who can change it."""

    status: int
    sentence: str
    who: str


ROWS: Final[Mapping[Code, Row]] = MappingProxyType(
    {
        Code.NO_ACCOUNT: Row(
            403,
            "The desk is for people who logged in through one of the campus's sources.",
            "you: log in",
        ),
        Code.NO_SUCH_COURSE: Row(
            404,
            "There is no such course, or you do not take part in it.",
            "the system that holds the enrolments, or an administrator",
        ),
        Code.NO_SUCH_SESSION: Row(
            404, "There is no such session in this course now.", "nobody: it has ended"
        ),
        Code.NOT_ALLOWED: Row(
            403,
            "Your role in this course lets you look, and stop nobody else's session.",
            "the course's teacher",
        ),
        Code.NOT_READY: Row(
            503,
            "The campus is still being read; try again in a moment.",
            "nobody: it takes a moment",
        ),
        Code.NOT_WRITTEN: Row(
            503,
            "This could not be written to the audit, so nothing was done.",
            "an administrator",
        ),
        Code.NOT_STOPPED: Row(
            503, "The hub has not stopped it; try again in a moment.", "an administrator"
        ),
        Code.ADMINS_ONLY: Row(
            403, "Only administrators of the site may do this.", "an administrator"
        ),
        Code.NO_SUCH_SOURCE: Row(
            404,
            "There is no such source with rosters, or no such course.",
            "you: see GET /hub/api/edu/sources",
        ),
        Code.NO_SUCH_PERSON: Row(404, "Nothing is kept of such a person.", "nobody"),
        Code.UNREADABLE: Row(400, "The request says what this address does not know.", "you"),
        Code.TOO_LARGE: Row(
            413, "That is more than the 8 MiB that the hub takes at once; nothing was done.", "you"
        ),
        Code.NOT_YOURS_TO_GIVE: Row(
            403,
            "You may add people to your courses below your own role, and exclude people below it.",
            "an administrator",
        ),
        Code.SEVERAL_PEOPLE: Row(
            409,
            "Several people could be meant. Say whose login it is: SOURCE:LOGIN, with a source of the login page.",
            "you",
        ),
        Code.TOO_MANY: Row(
            429,
            "You have named 300 people within the hour, or 500 wait in this course. Try again later, or take some back.",
            "an administrator",
        ),
        Code.NO_PLACE: Row(404, "You stand in no line now.", "you: join one"),
        Code.MAY_NOT_START: Row(
            403,
            "Whoever waits in line starts a server, and this token may start none.",
            "you: make a token that may start your servers",
        ),
        Code.NOT_IN_COURSE: Row(
            404,
            "Nobody in the course has this account, login, student number or name, or several people have.",
            "you",
        ),
        Code.ABOVE_CEILING: Row(
            403, "That is more than teachers give alone.", "an administrator can give it"
        ),
        Code.NOT_YOUR_GRANTS: Row(
            403,
            "Grants are given and taken back by the course's teachers, and an administrator's by administrators.",
            "the course's teacher, or an administrator",
        ),
        Code.NO_SUCH_GRANT: Row(404, "The course has no such grant.", "nobody"),
        Code.CANNOT_GIVE: Row(400, "This cannot be given.", "you"),
        Code.NOT_YOUR_EXAMS: Row(
            403, "Exams are held by the course's teachers.", "the course's teacher"
        ),
        Code.NO_SUCH_LIST: Row(
            404,
            "There is no such list of yours; half an hour after it was handed in, or a day after it was applied, it is gone.",
            "you: hand it in again",
        ),
        Code.CANNOT_LOOK: Row(
            409, "What this list would do is not known.", "you, or an administrator"
        ),
        Code.NO_SUCH_EXAM: Row(404, "The course has no such exam.", "nobody"),
        Code.CANNOT_EXAMINE: Row(409, "This exam cannot be held so.", "you"),
        Code.TOO_OFTEN: Row(429, "You ask for this too often.", "nobody: it takes a while"),
        Code.STALE: Row(
            412,
            "Somebody has changed it since you were shown it.",
            "you: look at what is there now",
        ),
        Code.NOT_YOUR_LIMITS: Row(
            403, "Limits are set by the course's teachers.", "the course's teacher"
        ),
        Code.NO_SUCH_LIMIT: Row(404, "The desk sets no such key of a course.", "nobody"),
        Code.NO_SUCH_WINDOW: Row(404, "The course has no such window.", "nobody"),
        Code.LOCKED: Row(
            409, "The campus file keeps this for itself.", "whoever writes the campus file"
        ),
        Code.CANNOT_ADJUST: Row(409, "This cannot be set so.", "you"),
        Code.NOT_YOUR_REQUESTS: Row(
            403, "Administrators are asked by the course's teachers.", "the course's teacher"
        ),
        Code.NO_SUCH_REQUEST: Row(404, "There is no such request.", "nobody"),
        Code.ALREADY_ANSWERED: Row(
            409, "This request has been answered or taken back.", "nobody: see the answer"
        ),
        Code.CANNOT_REQUEST: Row(409, "This cannot be asked for.", "you"),
        Code.NOT_YOURS_TO_SEE: Row(403, "The course's teachers see this.", "the course's teacher"),
        Code.NOT_YOURS_TO_EXPLAIN: Row(
            403,
            "Who may start what is explained to the course's teachers and to administrators.",
            "the course's teacher",
        ),
        Code.CANNOT_EXPLAIN: Row(400, "This question cannot be answered.", "you"),
        Code.NOT_YOURS_TO_COPY: Row(
            403,
            "Courses are copied by administrators, and by their teachers where the campus allows it.",
            "an administrator",
        ),
        Code.NOT_OUR_COURSE: Row(
            404,
            "The desk made no such course; those of the campus file are changed there.",
            "an administrator",
        ),
        Code.CANNOT_MAKE_COURSE: Row(409, "The course cannot be made so.", "you"),
        Code.NO_SUCH_CODE: Row(
            404,
            "This code lets you into no course. Look at it once more, or ask for a new one.",
            "the course's teacher",
        ),
        Code.NOT_AGAIN_YET: Row(
            409,
            "Your request was refused a short while ago. You may ask again a day after that.",
            "you: ask again later, or talk to the teacher",
        ),
        Code.TOO_MANY_JOINS: Row(
            429,
            "That is too many: requests that wait, or requests and wrong codes within an hour.",
            "you: try again later",
        ),
        Code.NOT_YOUR_DOOR: Row(
            403, "Whom to let into a course its teachers say.", "the course's teacher"
        ),
        Code.NO_SUCH_JOIN: Row(
            404,
            "Nobody waits to be let into this course by this request; somebody may have answered it.",
            "nobody",
        ),
        Code.CANNOT_MAKE_CODE: Row(409, "There cannot be such a join code.", "you"),
        Code.NOT_YOURS_TO_START: Row(
            403, "Servers of others are started by the course's teachers.", "the course's teacher"
        ),
        Code.CANNOT_START_CLASS: Row(409, "The class cannot be started so.", "you"),
        Code.NOT_YOUR_BOARD: Row(
            403,
            "Who is on is shown to the course's staff; you see your own sessions.",
            "the course's teacher",
        ),
        Code.NOBODY_TO_STOP: Row(
            409, "None of these sessions can be stopped now.", "nobody: they have ended"
        ),
        Code.NO_SUCH_STOPS: Row(
            404, "There are no such stops in this course, or they are over.", "nobody"
        ),
        Code.NOT_YOUR_MESSAGES: Row(
            403,
            "Messages are sent by the course's teachers and assistants.",
            "the course's teacher",
        ),
        Code.NO_SUCH_MESSAGE: Row(
            404, "The course has no such message, or it is over.", "nobody: it is shown no more"
        ),
        Code.CANNOT_SEND: Row(400, "This cannot be sent.", "you"),
        Code.SENT_TOO_MANY: Row(
            429,
            "You have sent 20 messages within the hour, or 20 are shown in this course. Take some back, or send it later.",
            "nobody: it takes a while",
        ),
        Code.NOT_YOURS_TO_HELP: Row(
            403,
            "Servers are opened to help by the course's teachers, and by assistants if the course lets them.",
            "the course's teacher",
        ),
        Code.NO_SUCH_HELP: Row(
            404, "There is no such help, or it is over.", "nobody: it goes on no more"
        ),
        Code.CANNOT_HELP: Row(409, "This server cannot be opened to help now.", "you"),
        Code.NOT_ERASED: Row(
            409,
            "They cannot be erased now: they have a server, or the campus file names them.",
            "you: stop it, or take the entry out of the campus file",
        ),
    }
)


class DeskError(web.HTTPError):
    """A refusal, in the shape that the hub's handlers show."""

    def __init__(
        self,
        code: Code,
        more: str = "",
        *,
        wait: float | None = None,
        current: Any = None,
        alike: Sequence[Alike] = (),
    ) -> None:
        """Refuse.

        Args:
            more: what is known beside the row's sentence; plain text.
            wait: seconds after which it may be otherwise, where that is known.
            current: for ``stale``: what is there now, as JSON.
            alike: people of the course among whom whoever asks has to choose.
        """
        row = ROWS[code]
        sentence = join_words([say(row.sentence), *([more] if more else [])], " ")
        # The reason is the phrase of the HTTP status and a label of metrics; our words go into the message.
        super().__init__(row.status, "%s", sentence, reason=responses[row.status])
        self.jupyterhub_message = sentence
        self.code, self.row, self.current, self.alike = code, row, current, alike
        after = _RETRY_AFTER.get(row.status) if wait is None else str(max(1, math.ceil(wait)))
        self.headers = {"Retry-After": after} if after else {}

    def as_json(self) -> dict[str, object]:
        """JupyterHub's shape of an error, with our reasons."""
        reason = {
            "code": str(self.code),
            "sentence": self.jupyterhub_message,
            "who": self.row.who,
            "retry_at": None,
        }
        told: dict[str, object] = {
            "status": self.row.status,
            "message": self.jupyterhub_message,
            "reasons": [reason],
        }
        return told if self.current is None else {**told, "current": self.current}
