"""The whole story in a browser, against the real process tree.

A school is created, a spreadsheet is imported, all parents are invited, one of them opens the email, confirms and
joins; and the dashboard's page, open all the time, turns to "Signed Up" by itself. Screenshots go to
tests/artefacts/story/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.acceptance.kinvite_up import KinviteUp, families_csv, kinvite_up
from tests.browser.axe import clean, need_axe

ARTEFACTS = Path(__file__).parents[1] / "artefacts" / "story"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
FAMILIES = 12
PARENT, ADDRESS = "Father 7", "fam7@family.example"
CHILD = "Pupil 7"
PAGE_SECONDS = 30_000
pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass
class PageInspector:
    """Checks pages and takes their screenshots: no horizontal overflow and no axe-core violation."""

    folder: Path
    width: int

    async def on(self, page: Page, name: str) -> None:
        await clean(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= self.width, page.url
        self.folder.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=self.folder / f"{name}.png", full_page=True)


@asynccontextmanager
async def person(browser: Browser, size: str, colours: str, language: str) -> AsyncIterator[BrowserContext]:
    """Yield a browser profile for one person; a script error fails the test."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if colours == "dark" else "light",
        locale=language,
        has_touch=size == "phone",
    )
    context.set_default_timeout(PAGE_SECONDS)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    await context.close()
    assert not errors


@pytest.mark.parametrize(
    ("size", "colours", "language"),
    [
        pytest.param("phone", "dark", "ar", id="phone-dark-arabic"),
        pytest.param("desk", "light", "en", id="desk-light"),
    ],
)
async def test_p14_p16_c13_from_the_spreadsheet_to_signed_up_on_the_open_page(
    browser: Browser, tmp_path: Path, size: str, colours: str, language: str
) -> None:
    need_axe()
    inspector = PageInspector(ARTEFACTS / f"{size}-{colours}-{language}", SIZES[size][0])
    async with (
        kinvite_up(tmp_path / "data") as up,
        person(browser, size, colours, "en-GB") as staff,
        person(browser, size, colours, language) as family,
    ):
        page = await _school_of(up, await staff.new_page(), language)
        await _import(page, tmp_path, inspector)
        watched = await _watch(staff, page)
        await _invite_everybody(page, inspector)
        await _confirm(up, await family.new_page(), inspector)
        row = watched.locator(".row.parent", has_text=PARENT)
        await expect(row.locator(".chip", has_text="Invited")).to_be_visible()
        await _join(up, family.pages[0], inspector)
        await expect(row.locator(".chip", has_text="Signed Up")).to_be_visible()
        await expect(row.get_by_role("button")).to_have_count(0)
        assert await watched.evaluate("window.sameDocument"), "without a reload"
        await inspector.on(watched, "9-signed-up")
        await _the_rest(up, watched, family.pages[0], inspector)


async def _school_of(up: KinviteUp, page: Page, language: str) -> Page:
    """Sign in and create a school that writes to its parents in the language."""
    credentials = up.credentials
    await page.goto(f"{credentials['url']}/admin")
    await page.get_by_label("E-mail").fill(credentials["admin_email"])
    await page.get_by_label("Password").fill(credentials["admin_password"])
    await page.get_by_role("button", name="Sign in").click()
    typed = {"name": "Hill School", "country": "DE", "language": language, "timezone": "Europe/Berlin"}
    for name, value in typed.items():
        await page.locator(f'[name="{name}"]').fill(value)
    await page.get_by_role("button", name="Add school").click()
    await expect(page.get_by_role("heading", name="Hill School")).to_be_visible()
    return page


async def _import(page: Page, folder: Path, inspector: PageInspector) -> None:
    sheet = folder / "families.csv"
    sheet.write_text(families_csv(FAMILIES))
    await page.get_by_role("link", name="Import", exact=True).click()
    await page.get_by_label("Spreadsheet").set_input_files(sheet)
    await inspector.on(page, "1-import")
    await page.get_by_role("button", name="Import").click()
    await expect(page.get_by_text("The families are on the roster")).to_be_visible()
    await inspector.on(page, "2-imported")


async def _watch(staff: BrowserContext, page: Page) -> Page:
    """Open the parents list in a tab of its own, which is not touched from here on."""
    watched = await staff.new_page()
    await watched.goto(await page.get_by_role("link", name="Parents", exact=True).evaluate("a => a.href"))
    await expect(watched.locator("#live")).to_be_visible()
    await watched.evaluate("window.sameDocument = true")
    await expect(
        watched.locator(".row.parent", has_text=PARENT).get_by_text("Not invited").first
    ).to_be_visible()
    return watched


async def _invite_everybody(page: Page, inspector: PageInspector) -> None:
    await page.get_by_role("link", name="Students", exact=True).click()
    await page.get_by_role("button", name="Select All").click()
    await expect(page.locator(".figure")).to_contain_text(f"{FAMILIES} of {FAMILIES} parents")
    await inspector.on(page, "3-preview")
    await page.get_by_role("button", name=f"Send {FAMILIES} messages").click()
    await expect(page.locator(".figure")).to_contain_text(f"{FAMILIES} of {FAMILIES} parents done")
    await inspector.on(page, "4-sent")


async def _open_email(up: KinviteUp, page: Page, kind: str, inspector: PageInspector, name: str) -> None:
    """Open the newest email with a link of the kind in the mailbox, then the link."""
    link = await up.wait_for_link(ADDRESS, kind)
    await page.goto(f"{up.credentials['url']}/mailbox?to={ADDRESS}")
    await inspector.on(page, f"{name}-mailbox")
    await page.locator("li.card h2 a").first.click()
    await inspector.on(page, f"{name}-mail")
    await expect(page.locator(f'.links a[href="{link}"]')).to_be_visible()
    await page.goto(link)


async def _confirm(up: KinviteUp, page: Page, inspector: PageInspector) -> None:
    await _open_email(up, page, "verify", inspector, "5")
    assert CHILD not in await page.content()
    await inspector.on(page, "6-confirm")
    await page.get_by_role("button").click()
    await expect(page.locator('meta[http-equiv="refresh"]')).to_have_count(0)
    await expect(page.get_by_role("button")).to_have_count(0)


async def _join(up: KinviteUp, page: Page, inspector: PageInspector) -> None:
    await _open_email(up, page, "join", inspector, "7")
    assert CHILD not in await page.content()
    await page.locator("#username").fill("father.seven")
    await page.locator("#password").fill("correct horse battery 1")
    await page.get_by_role("button").click()
    await expect(page.get_by_text(CHILD)).to_be_visible()
    await inspector.on(page, "8-joined")


async def _the_rest(up: KinviteUp, watched: Page, page: Page, inspector: PageInspector) -> None:
    """Check the parent's page with its timeline, the used link, and the page that sets how recipients behave."""
    await watched.get_by_role("link", name=PARENT, exact=True).click()
    await expect(watched.locator(".timeline li").first).to_contain_text("Signed up")
    await inspector.on(watched, "10-parent")
    await page.goto(await up.wait_for_link(ADDRESS, "join"))
    await inspector.on(page, "11-used-link")
    await page.goto(f"{up.credentials['url']}/mailbox/behaviours")
    await expect(page.get_by_role("heading").first).to_be_visible()
    await inspector.on(page, "12-behaviours")
