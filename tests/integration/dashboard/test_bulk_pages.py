"""Pages about many parents: lists, bulk runs, imports, schools."""

from __future__ import annotations

from uuid import uuid4

from shared.runtime.database import Database
from tests.integration.dashboard.driver import DashboardDriver, deliver
from tests.integration.dashboard.service_stub import ServiceStub
from tests.unit.dashboard.builders import Story


async def test_p20_p23_p25_bulk_previews_then_runs_and_shows_its_progress(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    run = str(uuid4())
    services.responses["POST bulk"] = (
        202,
        {"bulk_id": run, "state": "preview", "selected": 12, "to_message": 9, "pending": 9,
         "skipped": {"signed_up": 2, "no_contact": 1}, "failed": {}},
    )  # fmt: skip
    preview = await dashboard.post(f"{base}/invite/preview", on=f"{base}/students", who="all")
    assert "<b>9</b> of 12 parents would get a message" in preview.text
    assert "<b>2</b> have signed up already" in preview.text
    assert "<b>1</b> have no e-mail address on file" in preview.text
    assert services.commands[0].body == {"select": {"all": True}, "channel": "email", "dry_run": True}
    started = await dashboard.post(f"{base}/invite/run", on=f"{base}/invite", who="all", key="once")
    assert started.headers["location"] == f"{base}/invite/{run}"
    assert services.commands[1].body["dry_run"] is False
    assert services.commands[1].key == "once"
    broken = await dashboard.post(f"{base}/invite/run", on=f"{base}/invite", who="all", key="a\r\nX-B: c")
    assert (broken.status_code, len(services.commands)) == (400, 2)
    services.responses[f"GET {run}"] = (
        200,
        {"bulk_id": run, "state": "running", "selected": 12, "pending": 5, "messaged": 4, "waiting": 2,
         "skipped": {"signed_up": 2, "no_contact": 1}, "failed": {}},
    )  # fmt: skip
    progress = (await dashboard.get(f"{base}/invite/{run}")).text
    assert "<b>7</b> of 12 parents done" in progress
    assert 'http-equiv="refresh"' in progress
    services.responses[f"GET {run}"] = (200, {"bulk_id": run, "state": "done", "selected": 12, "messaged": 9})
    assert 'http-equiv="refresh"' not in (await dashboard.get(f"{base}/invite/{run}")).text


async def test_p21_selection_is_of_students(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    services.responses["POST bulk"] = (202, {"state": "preview", "selected": 1, "to_message": 1})
    chosen = str(fresh.student_id)
    page = await dashboard.post(
        f"{base}/invite/preview", on=f"{base}/students", who="chosen", student_id=chosen
    )
    assert services.commands[0].body["select"] == {"student_ids": [chosen]}
    assert f'name="student_id" value="{chosen}"' in page.text
    for bad in ({}, {"student_id": "nonsense"}):
        response = await dashboard.post(f"{base}/invite/preview", on=f"{base}/students", who="chosen", **bad)
        assert response.status_code == 422


async def test_p22_the_list_has_the_filter(
    dashboard: DashboardDriver, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.all())
    page = (await dashboard.get(f"{base}/students?waiting=true")).text
    assert "Show students whose parents are not signed up yet" in page
    assert fresh.child not in page
    assert fresh.child in (await dashboard.get(f"{base}/students")).text


async def test_an_import_is_passed_on_and_its_errors_shown(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    run = str(uuid4())
    services.responses["POST imports"] = (202, {"import_id": run})
    token = (await dashboard.get(f"{base}/import")).text.split('name="form_token" value="')[1].split('"')[0]
    content = b"name,parents_email\n" + b"x" * 2_000_000
    response = await dashboard.client.post(
        f"{base}/import", data={"form_token": token}, files={"file": ("families.csv", content)}
    )
    assert response.headers["location"] == f"{base}/import/{run}"
    assert services.commands[0].body["file"] == content
    services.responses[f"GET {run}"] = (
        200,
        {"state": "refused", "counts": {"rows": 2},
         "errors": [{"row": 3, "column": "parents_email", "value": "<x>", "code": "c", "message": "No address."}]},
    )  # fmt: skip
    page = (await dashboard.get(f"{base}/import/{run}")).text
    assert "Nothing was imported" in page
    assert "No address." in page
    assert "&lt;x&gt;" in page
    upload = dashboard.client.post
    without = await upload(f"{base}/import", data={"form_token": token}, files={"other": ("x", b"")})
    assert without.status_code == 422
    assert (await upload(f"{base}/import", data={"form_token": token})).status_code == 415
    assert (await upload(f"{base}/import", files={"file": ("x.csv", b"name")})).status_code == 403
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await upload(f"{base}/import", content=b"nonsense", headers=broken)).status_code in (400, 403)
    assert len(services.commands) == 2


async def test_a_school_is_added(
    dashboard: DashboardDriver, services: ServiceStub, database: Database, fresh: Story
) -> None:
    services.responses["POST schools"] = (201, {"school_id": str(fresh.school_id)})
    form = {"name": "Oak Lane", "country": "gb", "language": "en", "timezone": "Europe/London"}
    response = await dashboard.post("/admin/schools", on="/admin/schools", **form)
    assert response.headers["location"] == f"/admin/schools/{fresh.school_id}"
    assert services.commands[0].body == {**form, "country": "GB", "credentials_mode": "self_service"}
    services.responses["POST schools"] = (
        422, {"detail": "Please correct.", "errors": [{"field": "timezone", "code": "x", "message": "No zone."}]},
    )  # fmt: skip
    refused = await dashboard.post("/admin/schools", on="/admin/schools", **form)
    assert refused.status_code == 422
    assert "No zone." in refused.text


async def test_c02_the_four_fields_are_in_the_student_form(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    services.responses["POST students"] = (201, {"student_id": str(fresh.student_id)})
    four = {
        "father_name": "Omar Haddad",
        "mother_name": "Amal Haddad",
        "parents_contact": "+441632960000",
        "parents_email": "haddad@example.org",
    }
    await dashboard.post(f"{base}/students/new", on=f"{base}/students/new", key="k", name="Yara", **four)
    assert services.commands[0].body == {"name": "Yara", **four, "invite": False}
