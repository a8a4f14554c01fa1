"""Which names the mailbox answers to. It has no sign-in, so another site must not reach it by a name of its own.

Such a site can point its own name at this machine (DNS rebinding); the browser then takes the mailbox for a part of it.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from shared.runtime.web import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:@/?#]+))(?::[0-9]*)?")


def own_hosts(public_url: str, bind: str) -> frozenset[str]:
    """The names of this server: of its public URL, of the address it is bound to, and of this machine for itself."""
    named = (urlsplit(public_url).hostname, bind.strip().lower())
    return LOOPBACK | {name for name in named if name}


def is_asked_for(scope: Scope, hosts: Iterable[str]) -> bool:
    """Whether the request names one of `hosts`, or the address at which it arrived. Ports do not matter."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(named[0].decode("latin-1").lower()) if len(named) == 1 else None
    if match is None:
        return False
    host = match[1] or match[2].removesuffix(".")
    arrived_at = (scope.get("server") or ("",))[0]
    return host in hosts or host == arrived_at


def foreign_host() -> Problem:
    """The answer to all others."""
    return Problem(
        403,
        "foreign_host",
        "The mailbox has no sign-in, so it answers only at Kinvite's own address. Open it at the address that Kinvite "
        "printed when it started; to use another one, start Kinvite with that one as KINVITE_PUBLIC_URL.",
    )
