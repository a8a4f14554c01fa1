"""The peers are pinned, send the same text, and are installed once per lock."""

import json
import re
from pathlib import Path

import pytest

from bench import debian
from bench.peers import PEERS, installing
from bench.unavailable import Unavailable

PEERS_FOLDER = Path(installing.__file__).parent
DJANGO, NODE = PEERS_FOLDER / "django_celery", PEERS_FOLDER / "node_bullmq"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installing, "CACHE", tmp_path)
    monkeypatch.setattr(debian, "CACHE", tmp_path)
    monkeypatch.delenv("KINVITE_TESTS_OFFLINE", raising=False)
    return tmp_path


def test_each_peer_is_known_by_its_name() -> None:
    assert {make().name for make in PEERS.values()} == set(PEERS)


def test_both_peers_send_the_same_words() -> None:
    script = (NODE / "mail.js").read_text()
    templates = DJANGO / "invites" / "templates" / "invites"
    for kind, before in (("html", "const html = ({ name, link, until }) => `"), ("txt", "=> `Hello")):
        output = (templates / f"mail.{kind}").read_text()
        output = re.sub(r"{% (end)?autoescape.*?%}\n?", "", output)
        output = re.sub(r"{{ (name|link) }}", r"${\1}", output)
        output = re.sub(r"{{ expires_at\|.*? }}", "${until}", output)
        start = script.index(before) + before.index("`") + 1
        assert script[start : script.index("`", start)] == output


def test_every_package_is_pinned_by_hash_and_no_registry_is_named() -> None:
    python = (DJANGO / "requirements.lock").read_text()
    pinned = re.split(r"^(?=[a-z])", python, flags=re.MULTILINE)[1:]
    assert len(pinned) > 5
    assert all("--hash=sha256:" in package for package in pinned)
    node = json.loads((NODE / "package-lock.json").read_text())["packages"]
    packages = {name: package for name, package in node.items() if name}
    assert len(packages) > 5
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    assert "://" not in python


def test_a_lock_is_installed_once(cache: Path) -> None:
    lock = cache / "lock"
    lock.write_text("one")
    calls: list[Path] = []
    for _ in range(2):
        assert installing.installed("peer", lock, calls.append) == cache / "bench" / "peer"
    assert len(calls) == 1
    lock.write_text("two")
    installing.installed("peer", lock, calls.append)
    assert len(calls) == 2


def test_an_installation_that_failed_is_tried_again(cache: Path) -> None:
    lock = cache / "lock"
    lock.write_text("one")

    def fails(home: Path) -> None:
        installing.run(["sh", "-c", "echo no such package >&2; exit 1"], folder=home)

    for _ in range(2):
        with pytest.raises(Unavailable, match="no such package"):
            installing.installed("peer", lock, fails)


def test_offline_nothing_is_fetched_and_the_reason_is_given(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINVITE_TESTS_OFFLINE", "1")
    (cache / "lock").write_text("one")
    with pytest.raises(Unavailable, match="KINVITE_TESTS_OFFLINE"):
        installing.installed("peer", cache / "lock", lambda _: pytest.fail("installed"))
    with pytest.raises(Unavailable, match=r"no-such-program is (neither|not) on PATH"):
        debian.program("no-such-program", ["no-such-package"])
