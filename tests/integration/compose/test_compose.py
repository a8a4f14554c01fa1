"""The main job on Apache Kafka, PostgreSQL and one container per process, and what happens when one of them dies."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.acceptance.kinvite_up import families_csv
from tests.integration.compose.office import ComposeOffice, at
from tests.integration.compose.stack import Stack
from tests.support.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]
FAMILIES = 20
RUN_FAMILIES = 120
# Their death has its own tests: one holds the mails that are counted, the other is the way to everything.
NOT_KILLED_IN_A_RUN = ("mailpit", "gateway")


async def _all_have_mail(
    office: ComposeOffice, tag: str, families: int, within_seconds: float
) -> Counter[str]:
    async def check() -> Counter[str]:
        got = Counter(mail["to"] for mail in await office.mails() if mail["to"].startswith(tag))
        assert len(got) == families, f"{len(got)} of {families}"
        return got

    return await eventually(check, within_seconds=within_seconds, every_seconds=0.5)


async def _is_signed_up(office: ComposeOffice, school_id: str, name: str) -> None:
    async def check() -> None:
        rows = [row for row in await office.parents(school_id) if row["name"] == name]
        assert [row["status"] for row in rows] == ["signed_up"]

    await eventually(check, within_seconds=60, every_seconds=0.2)


async def test_the_main_job_goes_through_the_gateway_and_no_log_has_a_link(
    stack: Stack, office: ComposeOffice
) -> None:
    school_id = await office.school("Harbour School")
    await office.import_csv(school_id, families_csv(FAMILIES, tag="harbour"))
    await office.all_can_be_messaged(school_id, FAMILIES)
    bulk_id = await office.invite_all(school_id)
    got = await _all_have_mail(office, "harbour", FAMILIES, within_seconds=120)
    assert set(got.values()) == {1}
    await office.run_is(school_id, bulk_id, "done")
    links = await office.sign_up("harbour7@family.example", "harbour.seven")
    await _is_signed_up(office, school_id, "Father 7")
    logs = stack.logs()
    assert "gateway.answered" in logs
    for secret in (*(link.rpartition("/")[2] for link in links), "harbour7@family.example", "Father 7"):
        assert secret not in logs


def _restarts(stack: Stack, service: str) -> int:
    return int(stack.state(service)["RestartCount"])


async def _kill_and_see_it_start(stack: Stack, service: str) -> None:
    before = _restarts(stack, service)
    stack.kill(service)

    def started_again() -> None:
        assert _restarts(stack, service) > before, service
        assert stack.state(service)["State"]["Running"], service

    await eventually(started_again, within_seconds=60, every_seconds=0.5)


async def _enrol(office: ComposeOffice, school_id: str, address: str) -> None:
    """Add a pupil whose parent is to be invited, and try again until the roster has said that it has them."""
    family = {"father_name": "Jo Late", "parents_contact": "", "parents_email": address}

    async def accepted() -> None:
        try:
            answer = await office.client.post(
                f"/roster/v1/schools/{school_id}/students",
                json={"name": "Robin Late", **family, "invite": True},
                headers={"Idempotency-Key": address},
            )
        except httpx.TransportError as error:
            raise AssertionError("no answer") from error
        assert answer.status_code == 201, answer.text

    await eventually(accepted, within_seconds=180, every_seconds=0.5)


async def test_each_container_is_killed_while_a_run_sends_and_nothing_is_lost(
    stack: Stack, office: ComposeOffice
) -> None:
    school_id = await office.school("Kill School")
    await office.import_csv(school_id, families_csv(RUN_FAMILIES, tag="kill"))
    await office.all_can_be_messaged(school_id, RUN_FAMILIES)
    bulk_id = await office.invite_all(school_id)
    await office.run_is(school_id, bulk_id, "running", "done")
    killed = [service for service in stack.services() if service not in NOT_KILLED_IN_A_RUN]
    for service in killed:
        await _enrol(office, school_id, f"kill-{service}@family.example")
        await _kill_and_see_it_start(stack, service)
    await eventually(stack.up, within_seconds=300, every_seconds=2)  # a busy machine may miss probes
    got = await _all_have_mail(office, "kill", RUN_FAMILIES + len(killed), within_seconds=300)
    run = await office.run_is(school_id, bulk_id, "done")
    assert run["messaged"] == RUN_FAMILIES, run
    for address in (address for address, times in got.items() if times > 1):
        # An answer that a kill cut off: the same message once more, with the same link.
        assert len({link for mail in await office.mails(to=address) for link in mail["links"]}) == 1
    await office.sign_up("kill3@family.example", "kill.three")
    await _is_signed_up(office, school_id, "Father 3")


async def test_a_mail_waits_for_a_mail_server_that_is_away(stack: Stack, office: ComposeOffice) -> None:
    school_id = await office.school("Patient School")
    await office.import_csv(school_id, families_csv(2, tag="patient"))
    await office.all_can_be_messaged(school_id, 2)
    stack.compose("stop", "mailpit")
    bulk_id = await office.invite_all(school_id)

    async def tried() -> None:
        assert {row["delivery"] for row in await office.parents(school_id)} <= {"failed_temporary", "queued"}

    await eventually(tried, within_seconds=60, every_seconds=0.2)
    stack.compose("start", "mailpit")
    got = await _all_have_mail(office, "patient", 2, within_seconds=300)
    assert set(got.values()) == {1}
    await office.run_is(school_id, bulk_id, "done")


async def test_down_and_up_keeps_everything(stack: Stack) -> None:
    async with at(stack) as office:
        school_id = await office.school("Steady School")
        await office.import_csv(school_id, families_csv(3, tag="steady"))
        await office.all_can_be_messaged(school_id, 3)
        await office.run_is(school_id, await office.invite_all(school_id), "done")
        await _all_have_mail(office, "steady", 3, within_seconds=120)
        link = await office.link("steady1@family.example", "verify")

        async def sent() -> list[Any]:
            rows = await office.parents(school_id)
            assert {row["delivery"] for row in rows} == {"sent"}
            return rows

        before = await eventually(sent, within_seconds=60, every_seconds=0.2)
        token = office.client.headers["Authorization"]
    stack.down()
    stack.up()
    async with at(stack) as office:
        office.client.headers["Authorization"] = token
        assert await office.parents(school_id) == before
        assert (await office.client.post(link, follow_redirects=True)).status_code == 200
        assert await office.link("steady1@family.example", "join")
