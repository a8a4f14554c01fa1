"""The browser that the other tests drive is installed and works."""

from playwright.async_api import Page


async def test_a_page_is_shown(page: Page) -> None:
    await page.set_content("<title>Kinvite</title><h1>Hello</h1>")
    assert await page.title() == "Kinvite"
    assert await page.get_by_role("heading").inner_text() == "Hello"
