"""The one core of this process, handed to the upper floors by one function."""

from __future__ import annotations

from collections.abc import Callable

from .app import Core

__all__ = ["current_core", "provide"]

_provider: Callable[[], Core] | None = None
_core: Core | None = None


def provide(make: Callable[[], Core] | None) -> None:
    """Say how the core is made; it is made once, when first asked for. None forgets it (for tests)."""
    global _provider, _core
    _provider, _core = make, None


def current_core() -> Core:
    """The core of this process.

    Raises:
        RuntimeError: ``jupyterhub_edu.setup(c)`` was not called.
    """
    global _core
    if _core is None:
        if _provider is None:
            raise RuntimeError(
                "jupyterhub-edu is not set up: call jupyterhub_edu.setup(c) in the hub's configuration"
            )
        _core = _provider()
    return _core
