"""Accessibility checks of a page by axe-core: names of controls, contrast, structure, sizes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.support.npm import npm_parts

_FOLDER = Path(__file__).parent / "axe_core"
_RUN = """
async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.target.join(" ")} (${node.failureSummary.replace(/\\s+/g, " ")})`));
}
"""


@cache
def _source() -> str:
    return (npm_parts("axe", _FOLDER) / "node_modules" / "axe-core" / "axe.min.js").read_text()


def need_axe() -> None:
    """Skip the test where axe-core cannot be had."""
    _source()


async def clean(page: Page) -> None:
    """Fail with every violation that axe-core finds in the page as it is now. The page needs JavaScript."""
    await page.wait_for_load_state()
    if not await page.evaluate("Boolean(window.axe)"):
        await page.evaluate(_source())
    complaints: list[Any] = await page.evaluate(_RUN)
    assert not complaints, "\n".join([page.url, *complaints])
