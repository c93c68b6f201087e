"""Fetch and build the providers beforehand, so that it shows: ``python -m tests.providers``."""

import sys

from tests.providers.programs import (
    ProviderUnavailable,
    keycloak_folder,
    oidc_provider_folder,
    tell,
)

if __name__ == "__main__":
    failed = False
    for get in (oidc_provider_folder, keycloak_folder):
        try:
            get()
        except ProviderUnavailable as why:
            failed = True
            tell(str(why))
    sys.exit(failed)
