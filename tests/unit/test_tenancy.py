"""Routes name the schools that their transactions are for; a transaction for all schools is a worker's."""

import ast
from pathlib import Path

_SERVICES = Path(__file__).parents[2] / "services"


def test_i38_no_route_opens_a_workers_transaction() -> None:
    opened = 0
    without = []
    for path in sorted([*_SERVICES.glob("*/http.py"), *_SERVICES.glob("*/http/*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "transaction":
                opened += 1
                if "schools" not in [keyword.arg for keyword in node.keywords]:
                    without.append(f"{path.relative_to(_SERVICES)}:{node.lineno}")
    assert not without
    assert opened > 30
