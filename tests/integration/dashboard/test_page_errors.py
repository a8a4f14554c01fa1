"""Refusals, roles, unavailable services and bad input on the pages."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from services.dashboard.domain.staff import Role
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import SignInAs
from tests.integration.dashboard.driver import DashboardDriver, deliver
from tests.integration.dashboard.service_stub import ServiceStub
from tests.unit.dashboard.builders import Story


async def test_a_refused_form_keeps_what_was_typed_and_names_the_field(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    problem = {
        "detail": "Please correct: email.",
        "errors": [{"field": "email", "code": "bad_email", "message": "This is no e-mail address."}],
    }
    services.responses["POST parents"] = (422, problem)
    response = await dashboard.post(
        f"{profile}/parents", on=profile, key="k", name="<b>Omar</b>", email="omar@"
    )
    assert response.status_code == 422
    assert "This is no e-mail address." in response.text
    assert "&lt;b&gt;Omar" in response.text
    assert "<b>Omar" not in response.text


async def test_when_a_service_fails_or_does_not_respond_the_page_shows_it(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    services.responses["POST invitations"] = (500, {"detail": "secret stack"})
    students = f"{base}/students"
    for response in ((500, {}), (503, None), (409, {"detail": "The parent has already signed up."})):
        services.responses["POST invitations"] = response
        await dashboard.post(f"{base}/parents/{fresh.parent_id}/invite", on=students, back=students)
        page = (await dashboard.get(students)).text
        text = "already signed up" if response[0] == 409 else "does not answer at the moment"
        assert "Not invited: " in page
        assert text in page
        assert "Not invited: " not in (await dashboard.get(students)).text
    services.responses["POST bulk"] = (500, {})
    failed = await dashboard.post(f"{base}/invite/preview", on=f"{base}/invite", who="all")
    assert failed.status_code == 503
    assert "does not answer at the moment" in failed.text


async def test_back_leads_only_to_pages_of_the_school(
    dashboard: DashboardDriver, fresh: Story, base: str
) -> None:
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    for back in ("https://evil.example/", "//evil.example/", "/admin/../x", "\\\\evil", "", f"{base}//evil"):
        response = await dashboard.post(invite, on=f"{base}/students", back=back, sure="yes")
        assert response.headers["location"] == f"{base}/parents/{fresh.parent_id}"


async def test_roles_see_only_their_buttons(
    as_role: SignInAs, services: ServiceStub, fresh: Story, base: str
) -> None:
    viewer = await as_role(Role.VIEWER)
    page = (await viewer.get(f"{base}/students")).text
    assert "Invite</button>" not in page
    for path in (
        f"parents/{fresh.parent_id}/invite",
        f"parents/{fresh.parent_id}",
        "invite/preview",
        "students/new",
    ):
        assert (await viewer.post(f"{base}/{path}", on=base, who="all")).status_code == 403
    viewer.client.cookies.clear()
    front_desk = await as_role(Role.FRONT_DESK)
    assert ">Invite</button>" in (await front_desk.get(f"{base}/students")).text
    assert (await front_desk.get(f"{base}/import")).status_code == 403
    assert services.commands == []


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.FRONT_DESK, 403), (Role.VIEWER, 403)]
)
async def test_c7_only_admins_and_owners_get_the_parents_list(
    as_role: SignInAs, fresh: Story, base: str, role: Role, status: int
) -> None:
    browser = await as_role(role)
    response = await browser.get(f"{base}/parents")
    assert response.status_code == status
    offered = f'href="{base}/parents"' in (await browser.get(f"{base}/students")).text
    assert offered is (status == 200)


async def test_bad_input_on_pages_is_a_page_in_plain_words(
    dashboard: DashboardDriver, fresh: Story, base: str
) -> None:
    cases = {
        "/admin/schools/nonsense": 422,
        f"/admin/schools/{uuid4()}": 404,
        "/admin/nowhere": 404,
        f"{base}/students?cursor=rubbish": 400,
        f"{base}/students?waiting=perhaps": 422,
        f"{base}/students?q=%00": 422,
        f"{base}/parents?status=x": 422,
        f"{base}/parents?delivery=x": 422,
        f"{base}/parents?cursor=rubbish": 400,
        f"{base}/parents/{uuid4()}": 404,
        f"{base}/students/{uuid4()}": 404,
        f"{base}/invite/nonsense": 422,
    }
    for path, status in cases.items():
        response = await dashboard.get(path)
        assert response.status_code == status, path
        assert response.headers["content-type"].startswith("text/html")
        assert "<h1>" in response.text
        assert "content-security-policy" in response.headers
    wrong = await dashboard.client.put("/admin/schools")
    assert wrong.status_code == 405


async def test_forms_that_browsers_do_not_send_are_refused(dashboard: DashboardDriver, fresh: Story) -> None:
    bodies = [
        (b"x" * 300_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        (b"name=%00", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(3_000)), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 403),
    ]
    for body, kind, status in bodies:
        response = await dashboard.client.post("/admin/schools", content=body, headers={"Content-Type": kind})
        assert response.status_code == status, kind
        assert "<h1>" in response.text


async def test_names_cannot_break_out_of_the_page(
    dashboard: DashboardDriver, database: Database, fresh: Story, base: str
) -> None:
    nasty = "<script>alert(1)</script>\"' {{7*7}} \u202e"
    story = replace(fresh, parent_id=uuid4(), student_id=uuid4(), name=nasty, child=nasty)
    await deliver(database, story.roster())
    for path in ("students", "parents", f"parents/{story.parent_id}", f"students/{story.student_id}"):
        page = (await dashboard.get(f"{base}/{path}")).text
        assert "<script>" not in page
        assert page.count("<script ") == 1
        assert "{{7*7}}" in page
