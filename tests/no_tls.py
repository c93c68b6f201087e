"""Calls to servers on this machine, which speak no TLS.

httpx reads every authority of the machine for each client, and for each call without one: 50 ms of a processor.
"""

import ssl

__all__ = ["NO_TLS"]

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For ``verify=``: trusts no authority, so that a call over TLS fails."""
