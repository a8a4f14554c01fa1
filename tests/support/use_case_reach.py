"""Static measure of how many files of its own service a use case reaches.

From every public function and public method in `services/<service>/use_cases` the measure follows names, attributes
of imported modules and calls through the modules of that service, and counts the distinct files that hold a
definition it came to. Only definitions that are referenced are followed, never whole modules. The file of the use
case counts; `__init__.py` and `settings.py` do not.

Of a class, the body and the dunder methods are followed, and those methods whose names occur as attributes in the
code that was reached; where none of them does, all methods. The result is an upper bound: types are not inferred, so
an attribute counts for every reached class that has a method of this name.

`python -m tests.support.use_case_reach [services.<service>] [-v] [--root DIR]` prints a table. The file needs nothing
but the standard library, so it can be run by its path from another checkout as well.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

LIMIT = 8
FOLDERS = ("use_cases", "service")  # the second is the former name of the folder
NOT_COUNTED = frozenset({"__init__.py", "settings.py"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Reach:
    """A use case's qualified name and the files that it reaches, relative to the root."""

    use_case: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A parsed module of the service: its top-level definitions and what its imports bind."""

    name: str
    path: Path
    tree: ast.Module

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Return the top-level statements that define a name, by that name."""
        return {name: node for node in _flat(self.tree.body) for name in _defined_by(node)}

    @cached_property
    def imports(self) -> dict[str, str]:
        """Return dotted targets by the name that a top-level import binds."""
        return _imported(_flat(self.tree.body))


class Service:
    """All modules of one service package."""

    def __init__(self, root: Path, package: str) -> None:
        self.root = root
        self.package = package
        self.folder = root.joinpath(*package.split("."))
        parsed = [
            self._parse(path) for path in sorted(self.folder.rglob("*.py")) if "versions" not in path.parts
        ]
        self.modules = {module.name: module for module in parsed}

    def use_cases(self) -> Iterator[tuple[Module, list[str]]]:
        """Yield every public function and public method of the use cases as its module and its path of names."""
        folder = next((self.folder / name for name in FOLDERS if (self.folder / name).is_dir()), None)
        for module in self.modules.values():
            if folder is not None and folder in module.path.parents and module.path.name != "__main__.py":
                for names in _public(module.tree.body):
                    yield module, names

    def find(self, dotted: str) -> tuple[Module, str | None] | None:
        """Resolve a dotted name to a module and the name in it; return None if the service defines no such name."""
        if dotted in self.modules:
            return self.modules[dotted], None
        parent, _, name = dotted.rpartition(".")
        module = self.modules.get(parent)
        if module is None:
            return None
        if name in module.definitions:
            return module, name
        return self.find(module.imports[name]) if name in module.imports else None

    def _parse(self, path: Path) -> Module:
        parts = path.relative_to(self.root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return Module(name, path, ast.parse(path.read_text()))


@dataclass
class Walk:
    """One walk from a use case: the definitions it reached and the attribute names that occur in them."""

    service: Service
    reached: set[tuple[str, str]] = field(default_factory=set)
    classes: dict[tuple[str, str], ast.ClassDef] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    followed: set[int] = field(default_factory=set)

    def start(self, module: Module, names: list[str]) -> None:
        """Follow the use case `names` of the module until nothing new is reached."""
        self.reach(module, names[0])
        self.attributes.update(names[1:])
        while self._follow_named_methods() or self._follow_unnamed_classes():
            pass

    def files(self) -> list[str]:
        """Return the files of all reached definitions that count."""
        paths = {self.service.modules[name].path for name, _ in self.reached}
        return sorted(
            str(path.relative_to(self.service.root)) for path in paths if path.name not in NOT_COUNTED
        )

    def reach(self, module: Module, name: str | None) -> None:
        """Reach a definition; a module that is used as a value (`name` is None) is reached whole."""
        for definition in module.definitions if name is None else [name]:
            key = module.name, definition
            if key in self.reached:
                continue
            self.reached.add(key)
            node = module.definitions[definition]
            if isinstance(node, ast.ClassDef):
                self.classes[key] = node
                self._follow(module, [*node.bases, *node.decorator_list, *_class_body(node)])
            else:
                self._follow(module, [node])

    def _follow(self, module: Module, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            if id(node) in self.followed:
                continue
            self.followed.add(id(node))
            local_imports = _imported(ast.walk(node))
            bound = _bound(node) - local_imports.keys()
            for names in _references(node):
                target = (
                    None if names[0] in bound else local_imports.get(names[0]) or module.imports.get(names[0])
                )
                self.attributes.update(names[1:] if target is None else self._reach_import(target, names[1:]))
                if target is None and names[0] in module.definitions.keys() - bound:
                    self.reach(module, names[0])

    def _reach_import(self, target: str, attributes: list[str]) -> list[str]:
        """Reach the definition behind an imported name and its attributes; return the attributes that are left."""
        definition = self.service.find(target)
        while attributes and (
            definition[1] is None if definition else self.service.package.startswith(f"{target}.")
        ):
            target, attributes = f"{target}.{attributes[0]}", attributes[1:]
            definition = self.service.find(target)
        if definition is not None:
            self.reach(*definition)
        return attributes

    def _follow_named_methods(self) -> bool:
        before = len(self.followed)
        for (module, _), node in list(self.classes.items()):
            named = [method for method in _methods(node) if method.name in self.attributes]
            self._follow(self.service.modules[module], named)
        return len(self.followed) > before

    def _follow_unnamed_classes(self) -> bool:
        before = len(self.followed)
        for (module, _), node in list(self.classes.items()):
            methods = list(_methods(node))
            if not any(method.name in self.attributes for method in methods):
                self._follow(self.service.modules[module], methods)
        return len(self.followed) > before


def measure(root: Path, package: str) -> list[Reach]:
    """Measure all use cases of the package below `root`, those with most files first."""
    service = Service(root, package)
    reaches = []
    for module, names in service.use_cases():
        walk = Walk(service)
        walk.start(module, names)
        reaches.append(Reach(".".join([module.name, *names]), tuple(walk.files())))
    return sorted(reaches, key=lambda reach: (-len(reach.files), reach.use_case))


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield top-level statements, and those inside `if`, `try` and `with` at the top level."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _flat(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))


def _defined_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, Function | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _imported(nodes: Iterable[ast.AST]) -> dict[str, str]:
    targets = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            targets.update(
                {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            )
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                targets[bound] = alias.name if alias.asname else bound
    return targets


def _public(body: Iterable[ast.stmt]) -> Iterator[list[str]]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from ([node.name, *names] for names in _public(node.body))
            else:
                yield [node.name]


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    yield from (child for child in node.body if isinstance(child, Function) and not _is_dunder(child))


def _class_body(node: ast.ClassDef) -> Iterator[ast.stmt]:
    yield from (child for child in node.body if not isinstance(child, Function) or _is_dunder(child))


def _is_dunder(node: Function) -> bool:
    return node.name.startswith("__") and node.name.endswith("__")


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a function binds itself, which hide the module's names."""
    if not isinstance(node, Function):
        return set()
    arguments = {child.arg for child in ast.walk(node) if isinstance(child, ast.arg)}
    stored = {
        child.id
        for child in ast.walk(node)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
    }
    return arguments | stored


def _references(node: ast.AST) -> Iterator[list[str]]:
    """Yield names with the attributes read from them; an empty name stands for any other expression."""
    if isinstance(node, ast.Attribute | ast.Name):
        names: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            yield [value.id, *reversed(names)]
            return
        yield ["", *reversed(names)]
        yield from _references(value)
        return
    for child in ast.iter_child_nodes(node):
        yield from _references(child)


def _table(root: Path, package: str, *, verbose: bool) -> Iterator[str]:
    reaches = measure(root, package)
    sizes = [len(reach.files) for reach in reaches]
    over = sum(size > LIMIT for size in sizes)
    yield f"{package}: {len(sizes)} functions" + (
        f", median {statistics.median(sizes):g}, most {max(sizes)}, over {LIMIT}: {over}" if sizes else ""
    )
    for reach in reaches:
        yield f"{len(reach.files):4}  {reach.use_case.removeprefix(package + '.')}"
        if verbose:
            yield from (f"        {path}" for path in reach.files)


def main() -> None:
    """Print the table of one package, or of all services."""
    parser = argparse.ArgumentParser(description="files of its own service that each use case reaches")
    parser.add_argument("packages", nargs="*", help="services.<service>; all services where none is given")
    parser.add_argument("-v", "--verbose", action="store_true", help="list the files")
    parser.add_argument(
        "--root", type=Path, default=Path.cwd(), help="the checkout; the current folder by default"
    )
    options = parser.parse_args()
    root = options.root.resolve()
    every = [f"services.{path.parent.name}" for path in sorted(root.glob("services/*/__main__.py"))]
    for package in options.packages or every:
        for line in _table(root, package, verbose=options.verbose):
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
