"""What a release is made of is pinned, watched for updates, and not older than the fixes of known holes."""

import re
from pathlib import Path

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
# The version of an image that has the fixes of the named holes.
_FIXED = {
    "apache/kafka": ((4, 1, 2), "CVE-2026-35554"),
    "axllent/mailpit": ((1, 30, 2), "CVE-2026-55187, CVE-2026-48824, CVE-2026-27808"),
}


@pytest.mark.parametrize("image", _FIXED)
def test_an_image_has_the_fixes_of_known_holes(image: str) -> None:
    version = re.search(rf"{image}:v?([\d.]+)", (_ROOT / "docker-compose.yml").read_text())
    assert version
    fixed, holes = _FIXED[image]
    assert tuple(map(int, version[1].split("."))) >= fixed, f"{image} {version[1]} has {holes}"


def test_every_kind_of_dependency_is_watched_for_updates() -> None:
    updates = yaml.safe_load((_ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert {entry["package-ecosystem"]: entry["directory"] for entry in updates} == {
        "pip": "/",
        "docker": "/deploy",
        "docker-compose": "/",
        "maven": "/tests/support/brokers",
    }


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_pinned_with_a_hash(name: str) -> None:
    text = (_ROOT / name).read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(packages) > 50
    assert not [line for line in packages if "==" not in line or "--hash=sha256:" not in line]
