"""`make mutants`: count the changes of each service's domain that its unit tests notice.

A mutant swaps a comparison, a boolean or an arithmetic operator, drops a `not`, changes a number by one, flips a
boolean, or returns None. A sample is drawn by a seed; each mutant runs `tests/unit/<service>` in a copy of the tree.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_SERVICES = ("dashboard", "invitations", "notifier", "roster", "signup")
_COPIED = ("services", "shared", "deploy", "tests")
_LIMIT_SECONDS = 120
_PAIRS = "Eq NotEq, Lt LtE, Gt GtE, In NotIn, Is IsNot, And Or, Add Sub, Mult FloorDiv, Div Mod"
_KINDS = [[getattr(ast, name) for name in pair.split()] for pair in _PAIRS.split(", ")]
_SWAPS = {old: new for pair in _KINDS for old, new in (pair, reversed(pair))}
_NOT_ENTERED = frozenset({"annotation", "returns", "decorator_list"})  # a change there changes no behaviour


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module: its path in the tree, the place and text of the change, and the new source."""

    path: Path
    line: int
    change: str
    source: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module, one change each."""
    text = (_ROOT / path).read_text()
    for index in range(len(list(_places(ast.parse(text))))):
        tree = ast.parse(text)
        node, change = list(_places(tree))[index]
        before = ast.unparse(node)
        _change(node, change)
        source = ast.unparse(ast.fix_missing_locations(tree))
        yield Mutant(path, node.lineno, f"{before}  ->  {ast.unparse(node)}", source)


def _places(tree: ast.AST) -> Iterator[tuple[Any, int]]:
    """Yield the nodes that can be changed, each with the index of its operator or the step of its number."""
    for field, value in ast.iter_fields(tree):
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and field not in _NOT_ENTERED:
                yield from _places(node)
    match tree:
        case ast.Compare(ops=operators):
            yield from ((tree, index) for index, operator in enumerate(operators) if type(operator) in _SWAPS)
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in _SWAPS:
            yield tree, 0
        case ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()) | ast.Return(value=ast.expr()):
            yield tree, 0
        case ast.Constant(value=int() | float()):
            yield from ((tree, step) for step in (-1, 1))
        case _:
            pass


def _change(node: Any, change: int) -> None:
    kind = type(node)
    if kind is ast.Compare:
        node.ops[change] = _SWAPS[type(node.ops[change])]()
    elif kind is ast.UnaryOp:
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif kind in {ast.BoolOp, ast.BinOp}:
        node.op = _SWAPS[type(node.op)]()
    elif kind is ast.Constant:
        node.value = not node.value if isinstance(node.value, bool) else node.value + change
    else:
        node.value = ast.Constant("changed" if ast.unparse(node.value) == "None" else None)


def _copy_tree(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "artefacts")
    for name in _COPIED:
        shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
    shutil.copy(_ROOT / "pyproject.toml", folder)


def _tests_fail(folder: Path, service: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/unit/{service}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def _write(path: Path, source: str) -> None:
    """Write a module, and drop its bytecode, which is compared with the source by whole seconds only."""
    path.write_text(source)
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def judge(service: str, *, count: int, seed: int) -> float:
    """Run a sample of the service's mutants, print the survivors, and return the share that was noticed."""
    paths = sorted((_ROOT / "services" / service / "domain").rglob("*.py"))
    possible = [mutant for path in paths for mutant in mutants(path.relative_to(_ROOT))]
    sample = random.Random(f"{seed} {service}").sample(possible, min(count, len(possible)))
    lines = []
    with tempfile.TemporaryDirectory(prefix="kinvite-mutants-") as name:
        folder = Path(name)
        _copy_tree(folder)
        if _tests_fail(folder, service):
            raise SystemExit(f"tests/unit/{service} fails without any mutant")
        for mutant in sample:
            _write(folder / mutant.path, mutant.source)
            if not _tests_fail(folder, service):
                lines.append(f"  {mutant.path}:{mutant.line}: {mutant.change}\n")
            _write(folder / mutant.path, (_ROOT / mutant.path).read_text())
    noticed = len(sample) - len(lines)
    lines.insert(0, f"{service}: noticed {noticed} of {len(sample)} mutants ({len(possible)} possible)\n")
    sys.stdout.write("".join(lines))
    return noticed / max(1, len(sample))


def main() -> int:
    """Judge services at the same time; return 1 if the tests of one of them notice too few mutants."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("services", nargs="*", help=f"of {', '.join(_SERVICES)}; all by default")
    parser.add_argument("--count", type=int, default=50, help="mutants of each service")
    parser.add_argument("--seed", type=int, default=1, help="which mutants are drawn")
    parser.add_argument("--jobs", type=int, default=2, help="services at the same time")
    parser.add_argument(
        "--least", type=float, default=0.85, help="share that must be noticed in each service"
    )
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        work = partial(judge, count=options.count, seed=options.seed)
        shares = list(pool.map(work, options.services or _SERVICES))
    return 1 if min(shares) < options.least else 0


if __name__ == "__main__":
    sys.exit(main())
