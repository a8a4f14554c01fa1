"""Pages of the dashboard in a real browser, on a phone and on a desktop, with screenshots in tests/artefacts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from playwright.async_api import Browser, Page

from services.dashboard.app import create_app
from services.dashboard.settings import Settings
from shared.contracts.envelope import Received
from shared.contracts.invitations import InvitationExpired
from shared.contracts.message import Message
from shared.runtime.database import Database
from tests.browser.axe import clean, need_axe
from tests.integration.dashboard.driver import deliver
from tests.integration.dashboard.service_stub import ServiceStub, service_stub
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.processes import free_port
from tests.support.serving import serving
from tests.unit.dashboard.builders import START, VALIDITY_PERIOD, Story

ARTEFACTS = Path(__file__).parents[1] / "artefacts" / "dashboard"
OWNER, PASSWORD = "office@oak-lane.example", "correct horse battery"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
VARIANTS = [
    pytest.param("phone", "light", "ltr", id="phone-light"),
    pytest.param("phone", "dark", "ltr", id="phone-dark"),
    pytest.param("desk", "light", "ltr", id="desk-light"),
    pytest.param("desk", "dark", "ltr", id="desk-dark"),
    pytest.param("desk", "dark", "rtl", id="desk-dark-right-to-left"),
    pytest.param("phone", "light", "rtl", id="phone-light-right-to-left"),
    pytest.param("phone", "light", "no-script", id="phone-light-without-script"),
]


def families() -> tuple[Story, list[Received[Message]]]:
    """Return a school with a parent in every state that staff meet, as the events that make it."""
    names = [
        ("Amal Haddad", "Yara Haddad", 16),
        ("Bartholomew Featherstonehaugh-Cholmondeley and Wilhelmina Featherstonehaugh", "Bo Featherstone", 1),
        ("Carmen Ortiz", "Diego Ortiz", 0),
        ("Dmytro Kovalenko", "Олена Коваленко", 2),
        ("محمد العبدالله", "ليلى العبدالله", 8),
        ("Erika Mustermann", "Max Mustermann", 3),
    ]
    school = Story(name=names[0][0], child=names[0][1])
    events: list[Received[Message]] = [school.school("Oak Lane Primary School")]
    for name, child, _ in names:
        address = f"{name.split()[0].lower()}@example.org" if name.isascii() else "family@example.org"
        story = replace(Story(), school_id=school.school_id, name=name, child=child, address=address)
        events += story.roster()
        events += _so_far(story, names.index((name, child, _)))
        if name == school.name:
            school = story
    return school, events


def _so_far(story: Story, place: int) -> Sequence[Received[Message]]:
    invited, outcomes = story.invitations(), story.notifier()
    expired = InvitationExpired(
        invitation_id=story.invitation_id,
        parent_id=story.parent_id,
        generation=1,
        expired_at=START + VALIDITY_PERIOD,
    )
    return (
        [*invited, *outcomes, *story.signup()],
        [invited[0], outcomes[0]],
        [],
        [*invited[:2], *outcomes[1:3]],
        [*invited[:5], *outcomes],
        [invited[0], story.event(expired, 2, 60)],
    )[place]


@asynccontextmanager
async def served(database_url: str, services: ServiceStub) -> AsyncIterator[tuple[Story, str]]:
    """Serve the dashboard on a port of its own; yield the parent who signed up, and the address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    settings = Settings.model_validate(
        {
            **COMMON_ENVIRONMENT,
            "KINVITE_PUBLIC_URL": address,
            "KINVITE_DATABASE_URL": database_url,
            "KINVITE_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
            "services_url": services.url,
            "owner_email": OWNER,
            "owner_password": PASSWORD,
        }
    )
    app = create_app(settings, worker=False)
    story, events = families()
    async with Database(database_url, schema="dashboard") as database:
        await deliver(database, events)
    async with serving(app, port):
        yield story, address


def answers(services: ServiceStub, bulk_id: UUID, import_id: UUID) -> None:
    counts = {"selected": 312, "skipped": {"signed_up": 41, "no_contact": 3}, "failed": {}}
    services.responses["POST bulk"] = (202, {**counts, "state": "preview", "to_message": 268})
    services.responses[f"GET {bulk_id}"] = (
        200,
        {
            **counts,
            "bulk_id": str(bulk_id),
            "state": "running",
            "pending": 120,
            "messaged": 148,
            "waiting": 12,
        },
    )
    wrong = {
        "row": 14,
        "column": "parents_email",
        "value": "amal@",
        "code": "x",
        "message": "This is no e-mail address.",
    }
    services.responses[f"GET {import_id}"] = (
        200,
        {"state": "refused", "counts": {"rows": 212, "refused": 1}, "errors": [wrong] * 3},
    )


@pytest.mark.browser
@pytest.mark.parametrize(("size", "colours", "direction"), VARIANTS)
async def test_p16_every_page_fits_the_screen_and_calls_no_other_host(
    browser: Browser, database_url: str, size: str, colours: str, direction: str
) -> None:
    need_axe()
    bulk_id, import_id = uuid4(), uuid4()
    async with service_stub() as services, served(database_url, services) as (story, address):
        answers(services, bulk_id, import_id)
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if colours == "dark" else "light",
            device_scale_factor=2,
            java_script_enabled=direction != "no-script",
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if not request.url.startswith(address) else None,
        )
        inspector = PageInspector(page, ARTEFACTS / f"{size}-{colours}-{direction}", direction, width)
        await page.goto(f"{address}/admin/login")
        await inspector.at("sign-in")
        await page.fill("[name=email]", OWNER)
        await page.fill("[name=password]", PASSWORD)
        await page.click("button.primary")
        base = f"{address}/admin/schools/{story.school_id}"
        for name, url in _pages(address, base, story, bulk_id, import_id).items():
            await page.goto(url)
            if name in ("student", "schools"):
                await page.click("summary")
            await inspector.at(name)
        await page.goto(f"{base}/invite")
        await page.click("button.primary")
        await inspector.at("invite-preview")
        await context.close()
        assert [line for line in complaints if "404" not in line] == []


def _pages(address: str, base: str, story: Story, bulk_id: UUID, import_id: UUID) -> dict[str, str]:
    return {
        "schools": f"{address}/admin/schools",
        "staff": f"{address}/admin/staff",
        "tokens": f"{address}/admin/tokens",
        "overview": base,
        "students": f"{base}/students",
        "student": f"{base}/students/{story.student_id}#add",
        "student-new": f"{base}/students/new",
        "parents": f"{base}/parents",
        "parent": f"{base}/parents/{story.parent_id}",
        "invite": f"{base}/invite",
        "invite-progress": f"{base}/invite/{bulk_id}",
        "import": f"{base}/import",
        "import-refused": f"{base}/import/{import_id}",
        "not-found": f"{base}/nowhere",
    }


class PageInspector:
    """Checks a page and takes its screenshot: no horizontal overflow and no axe-core violation."""

    def __init__(self, page: Page, folder: Path, direction: str, width: int) -> None:
        self.page, self.folder, self.direction, self.width = page, folder, direction, width
        folder.mkdir(parents=True, exist_ok=True)

    async def at(self, name: str) -> None:
        if self.direction == "rtl":
            await self.page.evaluate("document.documentElement.dir = 'rtl'")
        if self.direction != "no-script":
            await clean(self.page)
            assert await self.page.evaluate("document.documentElement.scrollWidth") <= self.width
        await self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)
