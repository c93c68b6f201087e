"""The words of the pages: collect them for translators, and compile what they have written.

    tools/words.py collect    # jupyterhub_edu/hub/locale/words.pot from the sources, and every <language>/words.po brought up to it
    tools/words.py compile    # <language>/words.mo from every words.po

Needs Babel; ``collect`` needs jupyterhub_edu as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parents[1] / "jupyterhub_edu"
LOCALE = PACKAGE / "hub/locale"
IN_TEMPLATES = {"_": None, "gettext": None, "edu_text": None, "dated": (2,), "ngettext": (1, 2)}
IN_PYTHON = {"say": (0,), "mark": (0,), "dated": (1,), "say_count": (1, 2)}
"""Which arguments of which functions are for translators."""
SPEAKING = (
    "domain",
    "ports",
    "core",
    "campus",
    "hub",
    "identity",
    "authenticator",
    "spawner",
    "desk",
)
"""Where sentences of pages are made; the command line and logs speak English."""


class Text(NamedTuple):
    """One text for translators: in English, for one and for many or ``""``, and where it stands."""

    one: str
    many: str
    place: str


def collect() -> Catalog:
    """Everything that a page may say."""
    catalog = Catalog(project="jupyterhub-edu", charset="utf-8", fuzzy=False)
    for text in sorted(set(texts()), key=lambda text: (text.place, text.one)):
        message = (text.one, text.many) if text.many else text.one
        flags = [] if "{" not in text.one else ["python-brace-format"]
        catalog.add(message, locations=[(text.place, 1)], flags=flags)
    return catalog


def texts() -> Iterator[Text]:
    """Every text of every place that can say one; the same more than once."""
    for template in sorted(PACKAGE.rglob("*.html")):
        yield from _of_template(template)
    for module in sorted(path for floor in SPEAKING for path in (PACKAGE / floor).rglob("*.py")):
        yield from _of_module(module)
    yield from _of_tables()


def _of_template(path: Path) -> Iterator[Text]:
    found = extract_from_file(
        "jinja2.ext:babel_extract", str(path), IN_TEMPLATES, (), {"silent": "false"}
    )
    for _, message, _, _ in found:
        one, many = (message, "") if isinstance(message, str) else message
        yield Text(one, many, _place(path))


def _of_module(path: Path) -> Iterator[Text]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            wanted = IN_PYTHON.get(node.func.id, ())
            found = [node.args[at] for at in wanted if at < len(node.args)]
            said = [
                one.value
                for one in found
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if said and len(said) == len(wanted):
                yield Text(said[0], "".join(said[1:]), _place(path))


def _of_tables() -> Iterator[Text]:
    """What stands in tables that say something else besides, and names that programs read too."""
    from jupyterhub_edu.core.requests import State
    from jupyterhub_edu.core.rules_told import Result
    from jupyterhub_edu.desk import refusals
    from jupyterhub_edu.domain import reasons
    from jupyterhub_edu.domain.courses import CourseState
    from jupyterhub_edu.domain.people import CourseRole, EnrolmentState
    from jupyterhub_edu.domain.schedule import Period

    for row in (*reasons.ROWS.values(), *reasons.EXTEND_ROWS.values()):
        said = (*row.sentences.values(), row.who, row.way_out, row.retry)
        yield from _here(said, "jupyterhub_edu/domain/reasons.py")
    sentences = (row.sentence for row in refusals.ROWS.values())
    yield from _here(sentences, "jupyterhub_edu/desk/refusals.py")
    for names in (CourseRole, CourseState, EnrolmentState, Period, Result, State):
        yield from _here(map(str, names), f"{names.__module__.replace('.', '/')}.py")


def _here(said: Iterable[str], place: str) -> Iterator[Text]:
    return (Text(one, "", place) for one in said if one)


def _place(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def write(path: Path, catalog: Catalog) -> None:
    """Keep a catalog as text, without what changes when no text does."""
    with path.open("wb") as file:
        write_po(file, catalog, width=120, include_lineno=False, ignore_obsolete=True)


def read(path: Path) -> Catalog:
    """A catalog from its text."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name if path.suffix == ".po" else None)


def update() -> None:
    """Bring the template, and every language, up to the sources."""
    LOCALE.mkdir(exist_ok=True)
    template = collect()
    if (LOCALE / "words.pot").exists():
        template.creation_date = read(LOCALE / "words.pot").creation_date
    write(LOCALE / "words.pot", template)
    for path in sorted(LOCALE.glob("*/words.po")):
        catalog = read(path)
        catalog.update(template, no_fuzzy_matching=True)
        write(path, catalog)
        missing = [one for one in catalog if one.id and not is_whole(one)]
        print(f"-> {path.parent.name}: {len(catalog)} texts, {len(missing)} not translated")


def is_whole(message: Message) -> bool:
    """Whether a text has been translated, for every number."""
    said = message.string
    return all(said) if isinstance(said, tuple | list) else bool(said)


def compile_all() -> None:
    """What ``hub/languages.py`` reads, from every language."""
    for path in sorted(LOCALE.glob("*/words.po")):
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, read(path))


if __name__ == "__main__":
    {"collect": update, "compile": compile_all}[sys.argv[1]]()
