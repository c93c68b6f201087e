"""Floor 2: the campus's state in memory and its changes. The sole caller of the ``decide_*`` functions."""

from .app import Core
from .asking import request_of
from .book import Book, Refused
from .provider import current_core, provide
from .roll import NameTaken, Roll
from .safe import ForgetfulSafe, SealedSafe

__all__ = [
    "Book",
    "Core",
    "ForgetfulSafe",
    "NameTaken",
    "Refused",
    "Roll",
    "SealedSafe",
    "current_core",
    "provide",
    "request_of",
]
