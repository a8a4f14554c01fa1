"""Settings of the embedded run, read from the environment and checked before anything is changed."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import CannotRun, WrongSettings

DEFAULT_PORT = 8080
DEFAULT_BIND = "127.0.0.1"
_LOOPBACK_OF_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_PROVIDER_SETTINGS = ("NOTIFIER_SMTP_URL", "NOTIFIER_TWILIO_")


@dataclass(frozen=True)
class Config:
    """Settings of one run. `public_url` begins every link in a message; `local_url` reaches the server from here."""

    data: Path
    bind: str
    port: int
    public_url: str

    @property
    def local_url(self) -> str:
        """Return the server's base URL for programs on this machine."""
        return _base_url(reachable_address(self.bind), self.port)

    @property
    def is_reachable_from_outside(self) -> bool:
        """Whether other machines can reach the server."""
        try:
            return not ipaddress.ip_address(self.bind).is_loopback
        except ValueError:
            return self.bind != "localhost"


def reachable_address(host: str) -> str:
    """Return the loopback address for a wildcard address, and any other host unchanged."""
    return _LOOPBACK_OF_WILDCARD.get(host, host)


def read_config(environment: Mapping[str, str]) -> Config:
    """Read KINVITE_DATA, KINVITE_PORT, KINVITE_BIND and KINVITE_PUBLIC_URL. Raises CannotRun."""
    if sys.platform == "win32":
        raise CannotRun(
            "Kinvite runs on Linux and macOS: on Windows start it inside WSL or with Docker Compose."
        )
    _refuse_real_provider(environment)
    port = _parse_port(environment.get("KINVITE_PORT", ""))
    bind = environment.get("KINVITE_BIND", "").strip() or DEFAULT_BIND
    data = Path(environment.get("KINVITE_DATA", "").strip() or ".kinvite").expanduser().absolute()
    public_url = _parse_public_url(environment.get("KINVITE_PUBLIC_URL", "").strip())
    return Config(data, bind, port, public_url or _base_url(reachable_address(bind), port))


def listen(config: Config) -> socket.socket:
    """Open the listening socket. It stays open while the server restarts, so that callers wait instead of failing.

    Raises CannotRun if the port is taken or reserved, or if the address does not belong to this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.bind, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise _foreign_address(config) from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except PermissionError:
        listener.close()
        raise CannotRun(
            f"Port {config.port} is reserved for the system: choose one above 1023 with KINVITE_PORT."
        ) from None
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise _foreign_address(config) from None
        raise CannotRun(
            f"Port {config.port} is in use by another program: stop that one, or choose another port with KINVITE_PORT."
        ) from None
    return listener


def _foreign_address(config: Config) -> WrongSettings:
    return WrongSettings(f"KINVITE_BIND is {config.bind!r}, which is no address of this machine.")


def _refuse_real_provider(environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        if value and name.startswith(_PROVIDER_SETTINGS):
            raise WrongSettings(
                f"{name} is set, but this way of running keeps every message in its own mailbox and sends nothing: "
                "unset it, or run Kinvite with Docker Compose to send real messages."
            )


def _parse_port(text: str) -> int:
    if not text.strip():
        return DEFAULT_PORT
    if re.fullmatch(r"[0-9]{1,5}", text.strip()) and 1 <= int(text) <= 65_535:
        return int(text)
    raise WrongSettings(f"KINVITE_PORT is {text!r}, but must be a number from 1 to 65535.")


def _parse_public_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#]+/?", text):
        raise WrongSettings(
            f"KINVITE_PUBLIC_URL is {text!r}, but must be like https://kinvite.example.org, without a path."
        )
    return text.rstrip("/")


def _base_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
