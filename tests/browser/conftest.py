"""Fixtures: this machine's Chromium, with a fresh profile per test."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright, expect

from tests.support.equipment import chromium

expect.set_options(timeout=30_000)  # as long as for pages, because a busy machine is no failure
_ARGUMENTS = [
    "--no-sandbox",  # otherwise it refuses to run as root; it only opens our own pages
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Yield a headless Chromium; skip where there is none."""
    program = chromium()
    if program is None:
        pytest.skip("Chromium: not installed")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield launched
        await launched.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """Yield a page in which a script error fails the test."""
    context = await browser.new_context(locale="en-GB")
    opened = await context.new_page()
    opened.set_default_timeout(30_000)
    errors: list[Error] = []
    opened.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 (it marks its handlers)
    yield opened
    await context.close()
    assert not errors
