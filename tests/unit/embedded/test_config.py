"""Unit tests of the settings of the embedded run and of their error messages."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.embedded.config import listen, read_config
from deploy.embedded.errors import CannotRun, WrongSettings
from tests.support.processes import free_port


def test_nothing_set_gives_the_documented_defaults() -> None:
    config = read_config({})
    assert (config.data, config.bind, config.port) == (Path.cwd() / ".kinvite", "127.0.0.1", 8080)
    assert config.public_url == "http://127.0.0.1:8080"
    assert not config.is_reachable_from_outside


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 80", "８０", "1e4"])
def test_a_wrong_port_is_named(port: str) -> None:
    with pytest.raises(WrongSettings, match=r"KINVITE_PORT is .* number from 1 to 65535\."):
        read_config({"KINVITE_PORT": port})


@pytest.mark.parametrize(
    "url", ["kinvite.example", "ftp://x.example", "http://x.example/path", "http://", "http://a b"]
)
def test_a_wrong_public_url_is_named(url: str) -> None:
    with pytest.raises(WrongSettings, match="KINVITE_PUBLIC_URL is"):
        read_config({"KINVITE_PUBLIC_URL": url})


def test_a_public_url_is_the_base_of_links_without_its_last_slash() -> None:
    config = read_config({"KINVITE_PUBLIC_URL": "https://kinvite.example.org/", "KINVITE_PORT": "9000"})
    assert config.public_url == "https://kinvite.example.org"
    assert config.local_url == "http://127.0.0.1:9000"


def test_a_wildcard_address_is_reached_through_loopback() -> None:
    config = read_config({"KINVITE_BIND": "0.0.0.0"})
    assert config.is_reachable_from_outside
    assert config.local_url == "http://127.0.0.1:8080"
    assert read_config({"KINVITE_BIND": "::1"}).local_url == "http://[::1]:8080"


@pytest.mark.parametrize("name", ["NOTIFIER_SMTP_URL", "NOTIFIER_TWILIO_ACCOUNT_SID"])
def test_the_mailbox_is_refused_together_with_a_real_provider(name: str) -> None:
    with pytest.raises(CannotRun, match=f"{name} is set"):
        read_config({name: "smtp://mail.example"})


def test_a_port_in_use_is_reported_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotRun, match=f"Port {port} is in use by another program"):
            listen(read_config({"KINVITE_PORT": str(port)}))


@pytest.mark.parametrize("bind", ["192.0.2.1", "no such name.invalid", "300.1.1.1", "a" * 300])
def test_an_address_of_another_machine_is_reported_in_a_sentence(bind: str) -> None:
    with pytest.raises(CannotRun, match="no address of this machine"):
        listen(read_config({"KINVITE_BIND": bind, "KINVITE_PORT": str(free_port())}))
