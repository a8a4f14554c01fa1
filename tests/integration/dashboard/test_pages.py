"""The office's pages over HTTP: what they show, and which commands their forms become."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.dashboard.domain.staff import Role
from shared.runtime.database import Database
from tests.integration.dashboard.conftest import Browser, SignIn
from tests.integration.dashboard.feed import deliver
from tests.integration.dashboard.owners_stub import OwnersStub
from tests.unit.dashboard.facts import Story


@pytest.fixture
def base(story: Story) -> str:
    return f"/admin/schools/{story.school_id}"


@pytest.fixture
async def fresh(database: Database, story: Story) -> Story:
    """A family that nobody has invited."""
    await deliver(database, [story.school(), *story.roster()])
    return story


async def test_p07_the_student_list_offers_invite_on_the_row(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    page = (await office.get(f"{base}/students?q=yara")).text
    assert fresh.child in page
    assert ">Invite</button>" in page
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    answer = await office.post(invite, on=f"{base}/students", back=f"{base}/students?q=yara")
    assert answer.headers["location"] == f"{base}/students?q=yara"
    [command] = owners.commands
    assert command.path == f"/invitations/v1/schools/{fresh.school_id}/invitations"
    assert command.body == {"parent_id": str(fresh.parent_id), "channel": "email"}
    assert command.principal.rights == {"invitations:write"}
    assert command.principal.schools == frozenset({fresh.school_id})
    assert command.principal.actor.startswith("staff:")


async def test_p11_once_invited_the_action_reads_re_invite(
    office: Browser, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.invitations()[:2])
    for path in ("students", "parents", f"students/{fresh.student_id}", f"parents/{fresh.parent_id}"):
        page = (await office.get(f"{base}/{path}")).text
        assert ">Re-Invite</button>" in page, path
        assert ">Invite</button>" not in page, path


async def test_p14_p15_signed_up_shows_in_more_than_one_place_without_re_invite(
    office: Browser, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.all())
    for path in ("students", f"students/{fresh.student_id}", "parents", f"parents/{fresh.parent_id}"):
        page = (await office.get(f"{base}/{path}")).text
        assert ">Signed Up</span>" in page, path
        assert "Re-Invite</button>" not in page, path


async def test_a_re_invite_within_a_day_is_asked_once_more(
    office: Browser, owners: OwnersStub, database: Database, fresh: Story, base: str
) -> None:
    async with database.transaction() as tx:
        sent = fresh.invitations()[0]
        await deliver(database, [replace(sent, attributes=replace(sent.attributes, time=tx.now))])
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    asked = await office.post(invite, on=f"{base}/students")
    assert asked.status_code == 200
    assert "less than a day ago" in asked.text
    assert owners.commands == []
    assert (await office.post(invite, on=f"{base}/students", sure="yes")).status_code == 303
    assert len(owners.commands) == 1


async def test_p08_p09_add_parent_has_invite_ticked_and_saves(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    page = (await office.get(profile)).text
    assert 'name="invite" value="true" checked' in page
    form = {"name": "Omar Haddad", "relation": "father", "email": "omar@example.org", "phone": ""}
    answer = await office.post(f"{profile}/parents", on=profile, key="k1", invite="true", **form)
    assert answer.status_code == 303
    [command] = owners.commands
    assert command.path == f"/roster/v1/schools/{fresh.school_id}/students/{fresh.student_id}/parents"
    assert command.body == {
        "name": "Omar Haddad",
        "relation": "father",
        "email": "omar@example.org",
        "invite": True,
    }
    assert command.key == "k1"


async def test_p10_unticked_invite_is_sent_as_false(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    await office.post(f"{profile}/parents", on=profile, key="k1", name="Omar Haddad")
    assert owners.commands[0].body["invite"] is False


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


async def test_p17_name_and_contacts_are_edited(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    parent = f"{base}/parents/{fresh.parent_id}"
    await office.post(parent, on=parent, name="Amal Nour", email=fresh.address, phone="", language="")
    [command] = owners.commands
    assert (command.method, command.path) == (
        "PATCH",
        f"/roster/v1/schools/{fresh.school_id}/parents/{fresh.parent_id}",
    )
    assert command.body == {"name": "Amal Nour"}


async def test_withdraw(
    office: Browser, owners: OwnersStub, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.invitations()[:2])
    parent = f"{base}/parents/{fresh.parent_id}"
    await office.post(f"{parent}/withdraw", on=parent, back=parent)
    [command] = owners.commands
    assert command.method == "DELETE"
    assert command.path.endswith(f"/invitations/{fresh.parent_id}")


async def test_p20_p23_p25_bulk_previews_then_runs_and_shows_its_progress(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    run = str(uuid4())
    owners.answers["POST bulk"] = (
        202,
        {"bulk_id": run, "state": "preview", "selected": 12, "to_message": 9, "pending": 9,
         "skipped": {"signed_up": 2, "no_contact": 1}, "failed": {}},
    )  # fmt: skip
    preview = await office.post(f"{base}/invite/preview", on=f"{base}/students", who="all")
    assert "<b>9</b> of 12 parents would get a message" in preview.text
    assert "<b>2</b> have signed up already" in preview.text
    assert "<b>1</b> have no e-mail address on file" in preview.text
    assert owners.commands[0].body == {"select": {"all": True}, "channel": "email", "dry_run": True}
    started = await office.post(f"{base}/invite/run", on=f"{base}/invite", who="all", key="once")
    assert started.headers["location"] == f"{base}/invite/{run}"
    assert owners.commands[1].body["dry_run"] is False
    assert owners.commands[1].key == "once"
    owners.answers[f"GET {run}"] = (
        200,
        {"bulk_id": run, "state": "running", "selected": 12, "pending": 5, "messaged": 4, "waiting": 2,
         "skipped": {"signed_up": 2, "no_contact": 1}, "failed": {}},
    )  # fmt: skip
    progress = (await office.get(f"{base}/invite/{run}")).text
    assert "<b>7</b> of 12 parents done" in progress
    assert 'http-equiv="refresh"' in progress
    owners.answers[f"GET {run}"] = (200, {"bulk_id": run, "state": "done", "selected": 12, "messaged": 9})
    assert 'http-equiv="refresh"' not in (await office.get(f"{base}/invite/{run}")).text


async def test_p21_selection_is_of_students(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    owners.answers["POST bulk"] = (202, {"state": "preview", "selected": 1, "to_message": 1})
    chosen = str(fresh.student_id)
    page = await office.post(f"{base}/invite/preview", on=f"{base}/students", who="chosen", student_id=chosen)
    assert owners.commands[0].body["select"] == {"student_ids": [chosen]}
    assert f'name="student_id" value="{chosen}"' in page.text
    for bad in ({}, {"student_id": "nonsense"}):
        answer = await office.post(f"{base}/invite/preview", on=f"{base}/students", who="chosen", **bad)
        assert answer.status_code == 422


async def test_p22_the_list_has_the_filter(
    office: Browser, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.all())
    page = (await office.get(f"{base}/students?waiting=true")).text
    assert "Show students whose parents are not signed up yet" in page
    assert fresh.child not in page
    assert fresh.child in (await office.get(f"{base}/students")).text


async def test_an_import_is_passed_on_and_its_errors_shown(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    run = str(uuid4())
    owners.answers["POST imports"] = (202, {"import_id": run})
    token = (await office.get(f"{base}/import")).text.split('name="form_token" value="')[1].split('"')[0]
    content = b"name,parents_email\n" + b"x" * 2_000_000
    answer = await office.client.post(
        f"{base}/import", data={"form_token": token}, files={"file": ("families.csv", content)}
    )
    assert answer.headers["location"] == f"{base}/import/{run}"
    assert owners.commands[0].body["file"] == content
    owners.answers[f"GET {run}"] = (
        200,
        {"state": "refused", "counts": {"rows": 2},
         "errors": [{"row": 3, "column": "parents_email", "value": "<x>", "code": "c", "message": "No address."}]},
    )  # fmt: skip
    page = (await office.get(f"{base}/import/{run}")).text
    assert "Nothing was imported" in page
    assert "No address." in page
    assert "&lt;x&gt;" in page
    upload = office.client.post
    without = await upload(f"{base}/import", data={"form_token": token}, files={"other": ("x", b"")})
    assert without.status_code == 422
    assert (await upload(f"{base}/import", data={"form_token": token})).status_code == 415
    assert (await upload(f"{base}/import", files={"file": ("x.csv", b"name")})).status_code == 403
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await upload(f"{base}/import", content=b"nonsense", headers=broken)).status_code in (400, 403)
    assert len(owners.commands) == 2


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


async def test_a_school_is_added(
    office: Browser, owners: OwnersStub, database: Database, fresh: Story
) -> None:
    owners.answers["POST schools"] = (201, {"school_id": str(fresh.school_id)})
    form = {"name": "Oak Lane", "country": "gb", "language": "en", "timezone": "Europe/London"}
    answer = await office.post("/admin/schools", on="/admin/schools", **form)
    assert answer.headers["location"] == f"/admin/schools/{fresh.school_id}"
    assert owners.commands[0].body == {**form, "country": "GB", "credentials_mode": "self_service"}
    owners.answers["POST schools"] = (
        422, {"detail": "Please correct.", "errors": [{"field": "timezone", "code": "x", "message": "No zone."}]},
    )  # fmt: skip
    refused = await office.post("/admin/schools", on="/admin/schools", **form)
    assert refused.status_code == 422
    assert "No zone." in refused.text


async def test_c02_the_four_fields_are_in_the_student_form(
    office: Browser, owners: OwnersStub, fresh: Story, base: str
) -> None:
    owners.answers["POST students"] = (201, {"student_id": str(fresh.student_id)})
    four = {
        "father_name": "Omar Haddad",
        "mother_name": "Amal Haddad",
        "parents_contact": "+441632960000",
        "parents_email": "haddad@example.org",
    }
    await office.post(f"{base}/students/new", on=f"{base}/students/new", key="k", name="Yara", **four)
    assert owners.commands[0].body == {"name": "Yara", **four, "invite": False}


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
        assert "<script" not in page
        assert "{{7*7}}" in page
