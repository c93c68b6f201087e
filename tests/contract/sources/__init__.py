"""Identity sources under test: one module each, all seen through ``subject.Subject``; ``SUBJECTS`` is the list of them."""

from collections.abc import Mapping
from typing import Final

from tests.contract.sources import directory, entra, lti, moodle, oidc, roster
from tests.contract.sources.subject import Kind

SUBJECTS: Final[Mapping[str, Kind]] = {
    **roster.KINDS,
    **directory.KINDS,
    **oidc.KINDS,
    **entra.KINDS,
    **moodle.KINDS,
    **lti.KINDS,
}
