"""Pages for parents in a real browser, on a phone and on a desktop; screenshots go to tests/artefacts/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, Page, expect

from shared.contracts import invitations
from tests.browser.axe import clean, need_axe
from tests.integration.signup.builders import ParentRecord
from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for
from tests.support.processes import free_port
from tests.support.waiting import eventually

ARTEFACTS = Path(__file__).parents[1] / "artefacts" / "parents"
NOW = "2026-03-02T12:00:00Z"
VARIANTS = [
    pytest.param("phone", "light", "en", id="phone-light"),
    pytest.param("phone", "dark", "de", id="phone-dark-german"),
    pytest.param("phone", "light", "ar", id="phone-light-arabic"),
    pytest.param("desk", "light", "en", id="desk-light"),
    pytest.param("desk", "dark", "ar", id="desk-dark-arabic"),
]
SIZES = {"phone": (360, 740), "desk": (1280, 800)}


@asynccontextmanager
async def served(database_url: str) -> AsyncIterator[tuple[SignupDriver, str]]:
    """Serve the pages on a port of their own; yield the driver and the address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with open_driver(settings_for(database_url, public_url=address)) as signup:
        config = uvicorn.Config(signup.app, port=port, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: server.started)
        try:
            yield signup, address
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def open_page(browser: Browser, size: str, colours: str, language: str) -> AsyncIterator[Page]:
    """Yield a page that fails the test for a script error, a refused resource, or a request to another host."""
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if colours == "dark" else "light",
        locale=language,
        has_touch=size == "phone",
        device_scale_factor=2,
    )
    page = await context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if _is_refusal(message.text) else None)
    page.on("request", lambda request: complaints.append(request.url) if not _is_own(request.url) else None)
    yield page
    await context.close()
    assert not complaints


def _is_refusal(text: str) -> bool:
    return "Content Security Policy" in text or "Refused to" in text


def _is_own(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:"))


async def _take_picture(page: Page, variant: str, name: str) -> None:
    """Take a screenshot, after checks for horizontal overflow and axe-core violations."""
    await _screenshot(page, variant, name)
    await clean(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def _screenshot(page: Page, variant: str, name: str) -> None:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"{name}-{variant}.png", full_page=True)


@pytest.mark.parametrize(("size", "colours", "language"), VARIANTS)
async def test_p12_p13_p14_a_parent_goes_from_link_to_account(
    database_url: str, browser: Browser, size: str, colours: str, language: str
) -> None:
    need_axe()
    variant = f"{size}-{colours}-{language}"
    async with served(database_url) as (signup, address), open_page(browser, size, colours, language) as page:
        parent = await signup.add_parent(language=language, student_name="Mia Example")
        await _verify(page, signup, parent, address + await signup.request_verification(parent), variant)
        direction = "rtl" if language == "ar" else "ltr"
        await expect(page.locator("html")).to_have_attribute("dir", direction)
        await _join(page, signup, parent, address + await signup.invite(parent), variant)
        await _sign_in_and_out(page, variant)


async def _verify(page: Page, signup: SignupDriver, parent: ParentRecord, link: str, variant: str) -> None:
    await page.goto(link)
    await _take_picture(page, variant, "1-verify")
    await page.get_by_role("button").click()
    await page.wait_for_url("**/signup/result/*")
    await _screenshot(page, variant, "2-waiting")  # it refreshes itself, so axe-core cannot check it
    verified = parent.event(invitations.ContactVerified, contact_id=parent.contact_id, verified_at=NOW)
    await signup.consume(verified)
    await expect(page.locator('meta[http-equiv="refresh"]')).to_have_count(0)
    await _take_picture(page, variant, "3-verified")


async def _join(page: Page, signup: SignupDriver, parent: ParentRecord, link: str, variant: str) -> None:
    await page.goto(link)
    await _take_picture(page, variant, "4-join")
    await _fill(page, "ana silva", "password1234")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator("#username")).to_have_value("ana silva")
    await expect(page.locator("#username")).to_be_focused()
    await _take_picture(page, variant, "5-join-refused")
    await _fill(page, "ana.silva", PASSWORD)
    await page.wait_for_url("**/signup/result/*")
    await signup.accept(parent, await signup.last_submission_id())
    await expect(page.get_by_text("Mia Example")).to_be_visible()
    await _take_picture(page, variant, "6-done")


async def _sign_in_and_out(page: Page, variant: str) -> None:
    await page.get_by_role("link").click()
    await _take_picture(page, variant, "7-login")
    await _fill(page, "ana.silva", "wrong password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await _fill(page, "ana.silva", PASSWORD)
    await page.wait_for_url("**/account")
    await expect(page.get_by_text("Mia Example")).to_be_visible()
    await _take_picture(page, variant, "8-account")
    await page.get_by_role("button").click()
    await page.wait_for_url("**/login")


@pytest.mark.parametrize(("size", "colours", "language"), VARIANTS[:3])
async def test_p3_dead_links_show_what_to_do_next(
    database_url: str, browser: Browser, size: str, colours: str, language: str
) -> None:
    need_axe()
    variant = f"{size}-{colours}-{language}"
    async with served(database_url) as (signup, address), open_page(browser, size, colours, language) as page:
        used = await signup.sign_up(await signup.add_parent(language=language), "ana.silva")
        await page.goto(address + used)
        await _take_picture(page, variant, "dead-used")
        parent = await signup.add_parent(language=language)
        replaced = await signup.invite(parent)
        expired = await signup.invite(parent, again=True, lifetime=timedelta(seconds=-1))
        await page.goto(address + replaced)
        await _take_picture(page, variant, "dead-replaced")
        await page.goto(address + expired)
        await _take_picture(page, variant, "dead-expired")
        await page.get_by_role("button").click()
        await expect(page.get_by_role("button")).to_have_count(0)
        await _take_picture(page, variant, "fresh-link")
        await page.goto(f"{address}/join/made-up")
        await _take_picture(page, variant, "unknown")


@pytest.mark.parametrize("language", ["en", "de", "ar"])
async def test_refused_names_and_waits_say_what_to_do(
    database_url: str, browser: Browser, language: str
) -> None:
    need_axe()
    variant = f"phone-light-{language}"
    async with (
        served(database_url) as (signup, address),
        open_page(browser, "phone", "light", language) as page,
    ):
        await page.goto(address + await signup.invite(await signup.add_parent(language=language)))
        await _fill(page, "p\u0430ypal", "blue Example ships")
        await expect(page.locator("#username-error")).to_be_visible()
        await expect(page.locator("#password-error")).to_be_visible()
        await _take_picture(page, variant, "join-names-refused")
        await page.goto(f"{address}/login")
        for _ in range(5):
            await _fill(page, "ana.silva", "wrong password")
            await expect(page.locator("#login-error")).to_be_visible()
        await _fill(page, "ana.silva", "wrong password")
        await expect(page.locator("#login-error")).to_have_count(0)
        await expect(page.get_by_role("alert")).to_be_visible()
        await _take_picture(page, variant, "login-wait")


async def test_every_control_has_a_name_and_is_big_enough_for_a_thumb(
    database_url: str, browser: Browser
) -> None:
    async with served(database_url) as (signup, address), open_page(browser, "phone", "light", "en") as page:
        await page.goto(address + await signup.invite(await signup.add_parent()))
        await expect(page.get_by_label("Username")).to_have_attribute("autocomplete", "username")
        await expect(page.get_by_label("Password")).to_have_attribute("autocomplete", "new-password")
        await expect(page.get_by_label("Password")).to_have_accessible_description(
            "At least 12 characters. Three or four words in a row are easy to remember."
        )
        for control in await page.locator("button, input").all():
            box = await control.bounding_box()
            assert box is not None
            assert box["height"] >= 44


async def _fill(page: Page, username: str, password: str) -> None:
    # The browser's own validation would stop a form that the server must refuse, too.
    await page.locator("form").evaluate("form => form.noValidate = true")
    await page.locator("#username").fill(username)
    await page.locator("#password").fill(password)
    await page.get_by_role("button").click()
