"""Each service can be installed without its neighbours: importing all of it touches none of them."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SERVICES = ("dashboard", "invitations", "notifier", "roster", "signup")
_IMPORT_ALONE = """
import importlib, pkgutil, sys

alone = "services." + sys.argv[1]

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("deploy", "tests") or (
            name.startswith("services.") and name != alone and not name.startswith(alone + ".")
        ):
            raise ImportError(f"{alone} must not import {name}")

sys.meta_path.insert(0, Blocked())
package = importlib.import_module(alone)
for module in pkgutil.walk_packages(package.__path__, alone + "."):
    importlib.import_module(module.name)
"""


@pytest.mark.parametrize("service", _SERVICES)
def test_a_service_imports_without_its_neighbours(service: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _IMPORT_ALONE, service],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_shared_code_imports_without_any_service() -> None:
    alone = _IMPORT_ALONE.replace('"services." + sys.argv[1]', '"shared"')
    command = [sys.executable, "-W", "ignore", "-c", alone]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
