"""`make pictures`: run the demo and take the documentation's pictures anew."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright
from rich.console import Console

from deploy.demo.families import FAMILIES
from deploy.demo.run import Wish, embedded, tell
from deploy.demo.screen import Screen
from tests.support.equipment import chromium
from tests.support.processes import free_port

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST_BYTES = 200_000
SIZE = (1280, 860)
PAGES = {"parents": "/parents"}


async def take(families: int = FAMILIES, seconds: float = 30) -> None:
    """The demo to its end in a folder of its own, then a picture of each page."""
    with tempfile.TemporaryDirectory() as data:
        os.environ.update(KINVITE_DATA=data, KINVITE_PORT=str(free_port()))
        async with embedded() as credentials:
            with Screen(Console(stderr=True)) as screen:
                await tell(credentials, screen, Wish(families, seconds, forever=False))
            await _photograph(credentials)


async def _photograph(credentials: dict[str, str]) -> None:
    IMAGES.mkdir(exist_ok=True)
    program = chromium()
    if program is None:
        sys.exit("pictures: Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-GB")
        school = await _sign_in(page, credentials)
        for name, path in PAGES.items():
            await page.goto(f"{school}{path}")
            content = await page.screenshot(path=IMAGES / f"{name}.png")
            sys.stderr.write(f"{name}: {len(content)} bytes\n")
            assert len(content) < LARGEST_BYTES, f"{name}: {len(content)} bytes"
        await browser.close()


async def _sign_in(page: Page, credentials: dict[str, str]) -> str:
    """Signed in; the address of the sample school."""
    await page.goto(f"{credentials['url']}/admin/login")
    await page.fill("input[name=email]", credentials["admin_email"])
    await page.fill("input[name=password]", credentials["admin_password"])
    await page.press("input[name=password]", "Enter")
    link = page.locator("main a[href*='/admin/schools/']").first
    address = await link.get_attribute("href") or ""
    return credentials["url"] + "/".join(address.split("/")[:4])


if __name__ == "__main__":
    asyncio.run(take())
