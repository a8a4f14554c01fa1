"""The AsyncAPI document is valid by the official parser."""

import subprocess
from pathlib import Path

import pytest

from tests.support.npm import npm_parts

_ROOT = Path(__file__).parents[2]
_TOOL = Path(__file__).parent / "asyncapi"


@pytest.fixture(scope="module")
def parser() -> Path:
    """Install the parser and return its folder."""
    return npm_parts("asyncapi", _TOOL)


def test_the_asyncapi_document_is_valid(parser: Path) -> None:
    document = next((_ROOT / "shared" / "contracts").glob("asyncapi.*"))
    done = subprocess.run(
        ["node", _TOOL / "validate.cjs", document], cwd=parser, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
