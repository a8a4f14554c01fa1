"""Files stay readable in one sitting: the tail of sizes is what separates lovely code from the merely good."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FILE_LINES = 400
_FUNCTION_LINES = 40
_FILES = sorted(
    path
    for folder in ("services", "shared", "deploy", "tests", "bench")
    for path in (_ROOT / folder).rglob("*.py")
    if not {"node_modules", "versions"} & set(path.parts)
)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= _FILE_LINES, f"{path}: make it a folder of the same name"
    too_long = {name: lines for name, lines in _functions(ast.parse(text)) if lines > _FUNCTION_LINES}
    assert not too_long, f"lines of functions in {path}, without signature and docstring"


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                yield node.name, (node.end_lineno or 0) - body[0].lineno + 1
