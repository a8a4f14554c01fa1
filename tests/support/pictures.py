"""`make pictures`: run the demo and take the screenshots of the documentation in the middle of the story."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from deploy.cli.api import connect
from deploy.demo.run import DemoOptions, run_story, start_kinvite
from deploy.demo.school_client import SchoolClient
from deploy.demo.screen import Screen
from tests.support.equipment import chromium
from tests.support.processes import free_port

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST_BYTES = 200_000
SIZE = {"width": 1280, "height": 860}
TERMINAL = (
    "<style>body { margin: 0; padding: 16px 20px; background: #191919; display: inline-block; }</style>"
)


async def take_pictures(options: DemoOptions, share: float = 0.45) -> None:
    """Run the demo in a folder of its own; take the screenshots when this share of the parents has signed up."""
    with tempfile.TemporaryDirectory() as data:
        os.environ.update(KINVITE_DATA=data, KINVITE_PORT=str(free_port()))
        async with start_kinvite() as credentials:
            screen = Screen(Console(file=io.StringIO()))
            screen.set_header(f"Kinvite is ready at {credentials['url']}/admin")
            demo = asyncio.create_task(run_story(credentials, screen, options))
            await _wait_for_share(credentials, share, demo)
            await _take_screenshots(credentials, screen)
            demo.cancel()
            await asyncio.gather(demo, return_exceptions=True)


async def _wait_for_share(credentials: dict[str, str], share: float, demo: asyncio.Task[None]) -> None:
    async with connect(credentials["url"], credentials["api_token"]) as api:
        while not demo.done():
            school = await SchoolClient.find(api)
            counts = await school.count_by_status() if school else {"total": 0}
            if counts["total"] and counts["signed_up"] >= share * counts["total"]:
                return
            await asyncio.sleep(1)


async def _take_screenshots(credentials: dict[str, str], screen: Screen) -> None:
    IMAGES.mkdir(exist_ok=True)
    program = chromium()
    if program is None:
        sys.exit("pictures: Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await browser.new_page(viewport=SIZE, locale="en-GB")  # type: ignore[arg-type]
        school = await _sign_in(page, credentials)
        await page.goto(f"{school}/parents")
        _keep("parents", await page.screenshot())
        page = await browser.new_page(viewport=SIZE)  # type: ignore[arg-type]  # without the dashboard's content security policy
        await page.set_content(TERMINAL + _terminal(screen))
        _keep("demo", await page.locator("body").screenshot())
        await browser.close()


def _terminal(screen: Screen) -> str:
    console = Console(file=io.StringIO(), record=True, force_terminal=True, width=104)
    console.print(screen.render())
    return console.export_html(inline_styles=True, theme=DIMMED_MONOKAI)


def _keep(name: str, content: bytes) -> None:
    assert len(content) < LARGEST_BYTES, f"{name}: {len(content)} bytes"
    (IMAGES / f"{name}.png").write_bytes(content)
    sys.stderr.write(f"{name}: {len(content)} bytes\n")


async def _sign_in(page: Page, credentials: dict[str, str]) -> str:
    """Sign in, and return the address of the sample school."""
    await page.goto(f"{credentials['url']}/admin/login")
    await page.fill("input[name=email]", credentials["admin_email"])
    await page.fill("input[name=password]", credentials["admin_password"])
    await page.press("input[name=password]", "Enter")
    link = page.locator("main a[href*='/admin/schools/']").first
    address = await link.get_attribute("href") or ""
    return credentials["url"] + "/".join(address.split("/")[:4])


if __name__ == "__main__":
    asyncio.run(take_pictures(DemoOptions(families=300, seconds=40, forever=True)))
