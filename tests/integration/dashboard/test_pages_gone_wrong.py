"""Refusals, roles, silence and bad input on the office's pages."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.dashboard.domain.staff import Role
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import Browser, SignIn
from tests.integration.dashboard.feed import deliver
from tests.integration.dashboard.owners_stub import OwnersStub
from tests.unit.dashboard.facts import Story


async def test_a_refused_form_keeps_what_was_typed_and_names_the_field(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    problem = {
        "detail": "Please correct: email.",
        "errors": [{"field": "email", "code": "bad_email", "message": "This is no e-mail address."}],
    }
    owners.answers["POST parents"] = (422, problem)
    answer = await office.post(f"{profile}/parents", on=profile, key="k", name="<b>Omar</b>", email="omar@")
    assert answer.status_code == 422
    assert "This is no e-mail address." in answer.text
    assert "&lt;b&gt;Omar" in answer.text
    assert "<b>Omar" not in answer.text


async def test_when_an_owner_fails_or_is_silent_the_page_says_so(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    owners.answers["POST invitations"] = (500, {"detail": "secret stack"})
    students = f"{base}/students"
    for answer in ((500, {}), (503, None), (409, {"detail": "The parent has already signed up."})):
        owners.answers["POST invitations"] = answer
        await office.post(f"{base}/parents/{fresh.parent_id}/invite", on=students, back=students)
        page = (await office.get(students)).text
        words = "already signed up" if answer[0] == 409 else "does not answer at the moment"
        assert "Not invited: " in page
        assert words in page
        assert "Not invited: " not in (await office.get(students)).text
    owners.answers["POST bulk"] = (500, {})
    failed = await office.post(f"{base}/invite/preview", on=f"{base}/invite", who="all")
    assert failed.status_code == 503
    assert "does not answer at the moment" in failed.text


async def test_back_leads_only_to_pages_of_the_school(office: Browser, fresh: Story, base: str) -> None:
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    for back in ("https://evil.example/", "//evil.example/", "/admin/../x", "\\\\evil", "", f"{base}//evil"):
        answer = await office.post(invite, on=f"{base}/students", back=back, sure="yes")
        assert answer.headers["location"] == f"{base}/parents/{fresh.parent_id}"


async def test_roles_see_only_their_buttons(
    as_role: SignIn, owners: OwnersStub, fresh: Story, base: str
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
    desk = await as_role(Role.FRONT_DESK)
    assert ">Invite</button>" in (await desk.get(f"{base}/students")).text
    assert (await desk.get(f"{base}/import")).status_code == 403
    assert owners.commands == []


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.FRONT_DESK, 403), (Role.VIEWER, 403)]
)
async def test_c7_only_admins_and_owners_get_the_parents_list(
    as_role: SignIn, fresh: Story, base: str, role: Role, status: int
) -> None:
    browser = await as_role(role)
    answer = await browser.get(f"{base}/parents")
    assert answer.status_code == status
    offered = f'href="{base}/parents"' in (await browser.get(f"{base}/students")).text
    assert offered is (status == 200)


async def test_bad_input_on_pages_is_a_page_in_plain_words(office: Browser, fresh: Story, base: str) -> None:
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
        answer = await office.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"].startswith("text/html")
        assert "<h1>" in answer.text
        assert "content-security-policy" in answer.headers
    wrong = await office.client.put("/admin/schools")
    assert wrong.status_code == 405


async def test_forms_that_browsers_do_not_send_are_refused(office: Browser, fresh: Story) -> None:
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
        answer = await office.client.post("/admin/schools", content=body, headers={"Content-Type": kind})
        assert answer.status_code == status, kind
        assert "<h1>" in answer.text


async def test_names_cannot_break_out_of_the_page(
    office: Browser, database: Database, fresh: Story, base: str
) -> None:
    nasty = "<script>alert(1)</script>\"' {{7*7}} \u202e"
    story = replace(fresh, parent_id=uuid4(), student_id=uuid4(), name=nasty, child=nasty)
    await deliver(database, story.roster())
    for path in ("students", "parents", f"parents/{story.parent_id}", f"students/{story.student_id}"):
        page = (await office.get(f"{base}/{path}")).text
        assert "<script>" not in page
        assert page.count("<script ") == 1
        assert "{{7*7}}" in page
