"""Host names that the mailbox answers to: a defence against DNS rebinding.

The mailbox has no sign-in. A foreign site can point a host name of its own at this machine, and a browser then treats
the mailbox as part of that site. Requests that name an unknown host are therefore refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from shared.runtime.web import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:@/?#]+))(?::[0-9]*)?")


def allowed_hosts(public_url: str, bind: str) -> frozenset[str]:
    """Return the host of `public_url`, the address `bind` (both may be empty) and the loopback names."""
    names = (urlsplit(public_url).hostname, bind.strip().lower())
    return LOOPBACK | {name for name in names if name}


def is_allowed(scope: Scope, hosts: Iterable[str]) -> bool:
    """Return whether the Host header names one of `hosts` or the address at which the request arrived, on any port."""
    values = [value for name, value in scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(values[0].decode("latin-1").lower()) if len(values) == 1 else None
    if match is None:
        return False
    host = match[1] or match[2].removesuffix(".")
    server_address = (scope.get("server") or ("",))[0]
    return host in hosts or host == server_address


def foreign_host_problem() -> Problem:
    """Return the 403 response to a request that names a foreign host."""
    return Problem(
        403,
        "foreign_host",
        "The mailbox has no sign-in, so it answers only at Kinvite's own address. Open it at the address that Kinvite "
        "printed when it started; to use another one, start Kinvite with that one as KINVITE_PUBLIC_URL.",
    )
