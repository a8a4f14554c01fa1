"""Pages of one parent record: their contents, and the requests that their forms become."""

from __future__ import annotations

from shared.runtime.database import Database
from tests.integration.dashboard.driver import DashboardDriver, deliver
from tests.integration.dashboard.service_stub import ServiceStub
from tests.unit.dashboard.builders import Story


async def test_p07_the_student_list_offers_invite_on_the_row(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    page = (await dashboard.get(f"{base}/students?q=yara")).text
    assert fresh.child in page
    assert ">Invite</button>" in page
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    response = await dashboard.post(invite, on=f"{base}/students", back=f"{base}/students?q=yara")
    assert response.headers["location"] == f"{base}/students?q=yara"
    [command] = services.commands
    assert command.path == f"/invitations/v1/schools/{fresh.school_id}/invitations"
    assert command.body == {"parent_id": str(fresh.parent_id), "channel": "email"}
    assert command.principal.rights == {"invitations:write"}
    assert command.principal.schools == frozenset({fresh.school_id})
    assert command.principal.actor.startswith("staff:")


async def test_p11_once_invited_the_action_reads_re_invite(
    dashboard: DashboardDriver, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.invitations()[:2])
    for path in ("students", "parents", f"students/{fresh.student_id}", f"parents/{fresh.parent_id}"):
        page = (await dashboard.get(f"{base}/{path}")).text
        assert ">Re-Invite</button>" in page, path
        assert ">Invite</button>" not in page, path


async def test_p14_p15_signed_up_shows_in_more_than_one_place_without_re_invite(
    dashboard: DashboardDriver, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.all())
    for path in ("students", f"students/{fresh.student_id}", "parents", f"parents/{fresh.parent_id}"):
        page = (await dashboard.get(f"{base}/{path}")).text
        assert ">Signed Up</span>" in page, path
        assert "Re-Invite</button>" not in page, path


async def test_a_re_invite_within_a_day_needs_confirmation(
    dashboard: DashboardDriver, services: ServiceStub, database: Database, fresh: Story, base: str
) -> None:
    async with database.transaction() as tx:
        sent = fresh.invitations()[0]
        await deliver(database, [sent._replace(attributes=sent.attributes._replace(time=tx.now))])
    invite = f"{base}/parents/{fresh.parent_id}/invite"
    page = await dashboard.post(invite, on=f"{base}/students")
    assert page.status_code == 200
    assert "less than a day ago" in page.text
    assert services.commands == []
    assert (await dashboard.post(invite, on=f"{base}/students", sure="yes")).status_code == 303
    assert len(services.commands) == 1


async def test_p08_p09_add_parent_has_invite_ticked_and_saves(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    page = (await dashboard.get(profile)).text
    assert 'name="invite" value="true" checked' in page
    form = {"name": "Omar Haddad", "relation": "father", "email": "omar@example.org", "phone": ""}
    response = await dashboard.post(f"{profile}/parents", on=profile, key="k1", invite="true", **form)
    assert response.status_code == 303
    [command] = services.commands
    assert command.path == f"/roster/v1/schools/{fresh.school_id}/students/{fresh.student_id}/parents"
    assert command.body == {
        "name": "Omar Haddad",
        "relation": "father",
        "email": "omar@example.org",
        "invite": True,
    }
    assert command.key == "k1"


async def test_p10_unticked_invite_is_sent_as_false(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    profile = f"{base}/students/{fresh.student_id}"
    await dashboard.post(f"{profile}/parents", on=profile, key="k1", name="Omar Haddad")
    assert services.commands[0].body["invite"] is False


async def test_p17_name_and_contacts_are_edited(
    dashboard: DashboardDriver, services: ServiceStub, fresh: Story, base: str
) -> None:
    parent = f"{base}/parents/{fresh.parent_id}"
    await dashboard.post(parent, on=parent, name="Amal Nour", email=fresh.address, phone="", language="")
    [command] = services.commands
    assert (command.method, command.path) == (
        "PATCH",
        f"/roster/v1/schools/{fresh.school_id}/parents/{fresh.parent_id}",
    )
    assert command.body == {"name": "Amal Nour"}


async def test_withdraw(
    dashboard: DashboardDriver, services: ServiceStub, database: Database, fresh: Story, base: str
) -> None:
    await deliver(database, fresh.invitations()[:2])
    parent = f"{base}/parents/{fresh.parent_id}"
    await dashboard.post(f"{parent}/withdraw", on=parent, back=parent)
    [command] = services.commands
    assert command.method == "DELETE"
    assert command.path.endswith(f"/invitations/{fresh.parent_id}")
