"""Launches under way: what was asked is carried by the browser, signed; we remember only what has been used up."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Final

from jupyterhub_edu.ports import LaunchRequest

__all__ = ["Begun", "Launches", "Opened"]

_LIFE: Final = 600.0
"""Seconds from a platform's first request to the launch itself; platforms answer at once, people log in there first."""
_MOST_USED: Final = 200_000
_SIGNATURE: Final = 32
_LONGEST_STATE: Final = 16_384


@dataclass(frozen=True, slots=True)
class Begun:
    """What goes to the platform: the state comes back beside the token, the nonce inside it."""

    state: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What a state that we made says.

    Attributes:
        again: whether the person has been through the page that opens a window.
    """

    request: LaunchRequest
    nonce: str
    again: bool
    browser: str

    def is_of(self, browser: str) -> bool:
        """Whether the launch was begun in the browser that has this secret."""
        return bool(browser) and hmac.compare_digest(_digest(browser), self.browser)


class Launches:
    """The launches of this hub process.

    Always holds:
        - nothing is kept of a launch that is begun, or that fails: any number of them costs no memory;
        - a state is good for ten minutes and for this process; a nonce is good once;
        - what is kept of launches that succeeded is bounded; beyond the bound none succeeds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many nonces are remembered."""
        return len(self._used)

    def begin(self, source: str, request: LaunchRequest, browser: str, *, again: bool) -> Begun:
        """Make state and nonce for one launch.

        Args:
            browser: the secret of the browser's cookie.
        """
        id = secrets.token_urlsafe(16)
        content = [self._clock(), source, id, _digest(browser), again, *astuple(request)]
        packed = zlib.compress(json.dumps(content).encode())
        state = base64.urlsafe_b64encode(self._sign(packed) + packed).decode()
        return Begun(state, self._nonce(id))

    def open(self, source: str, state: str) -> Opened | None:
        """Read a state; None for one that is not ours, not of this source, or too old."""
        if len(state) > _LONGEST_STATE:
            return None
        try:
            octets = base64.b64decode(state.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        signature, packed = octets[:_SIGNATURE], octets[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(packed)):
            return None
        at, of, id, browser, again, *asked = json.loads(zlib.decompress(packed))
        if of != source or self._clock() - at > _LIFE:
            return None
        return Opened(LaunchRequest(*asked), self._nonce(id), again, browser)

    def use(self, nonce: str) -> bool:
        """Use a nonce up, once its token has been checked; False if it was used before, or none can be remembered."""
        now = self._clock()
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        if nonce in self._used or len(self._used) >= _MOST_USED:
            return False
        self._used[nonce] = now + _LIFE
        return True

    def _sign(self, packed: bytes) -> bytes:
        return hmac.digest(self._key, b"state" + packed, "sha256")

    def _nonce(self, id: str) -> str:
        octets = hmac.digest(self._key, b"nonce" + id.encode(), "sha256")
        return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
