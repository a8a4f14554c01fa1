"""The main job on Apache Kafka, PostgreSQL and one container per process, also while containers are killed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.acceptance.kinvite_up import families_csv
from tests.integration.compose.driver import ComposeDriver, open_driver
from tests.integration.compose.project import ComposeProject
from tests.support.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2400)]
FAMILIES = 20
RUN_FAMILIES = 120
# Mailpit holds the messages that the test counts, and all requests pass the gateway: both have tests of their own.
NOT_KILLED_IN_A_RUN = ("mailpit", "gateway")


async def _wait_until_all_have_email(
    driver: ComposeDriver, tag: str, families: int, within_seconds: float
) -> Counter[str]:
    async def check() -> Counter[str]:
        addresses = [message["to"] for message in await driver.messages()]
        counts = Counter(address for address in addresses if address.startswith(tag))
        assert len(counts) == families, f"{len(counts)} of {families}"
        return counts

    return await eventually(check, within_seconds=within_seconds, every_seconds=0.5)


async def _wait_until_signed_up(driver: ComposeDriver, school_id: str, name: str) -> None:
    async def check() -> None:
        rows = [row for row in await driver.list_parents(school_id) if row["name"] == name]
        assert [row["status"] for row in rows] == ["signed_up"]

    await eventually(check, within_seconds=60, every_seconds=0.2)


async def test_the_main_job_goes_through_the_gateway_and_no_log_has_a_link(
    project: ComposeProject, driver: ComposeDriver
) -> None:
    school_id = await driver.create_school("Harbour School")
    await driver.import_csv(school_id, families_csv(FAMILIES, tag="harbour"))
    await driver.wait_until_all_can_be_messaged(school_id, FAMILIES)
    bulk_id = await driver.invite_all(school_id)
    counts = await _wait_until_all_have_email(driver, "harbour", FAMILIES, within_seconds=120)
    assert set(counts.values()) == {1}
    await driver.wait_for_run(school_id, bulk_id, "done")
    links = await driver.sign_up("harbour7@family.example", "harbour.seven")
    await _wait_until_signed_up(driver, school_id, "Father 7")
    logs = project.logs()
    assert "gateway.answered" in logs
    for secret in (*(link.rpartition("/")[2] for link in links), "harbour7@family.example", "Father 7"):
        assert secret not in logs


def _count_restarts(project: ComposeProject, service: str) -> int:
    return int(project.state(service)["RestartCount"])


async def _kill_and_wait_for_restart(project: ComposeProject, service: str) -> None:
    before = _count_restarts(project, service)
    project.kill(service)

    def is_restarted() -> None:
        assert _count_restarts(project, service) > before, service
        assert project.state(service)["State"]["Running"], service

    await eventually(is_restarted, within_seconds=60, every_seconds=0.5)


async def _add_student(driver: ComposeDriver, school_id: str, address: str) -> None:
    """Add a student whose parent is to be invited, with retries until the roster confirms it."""
    family = {"father_name": "Jo Late", "parents_contact": "", "parents_email": address}

    async def accepted() -> None:
        try:
            answer = await driver.client.post(
                f"/roster/v1/schools/{school_id}/students",
                json={"name": "Robin Late", **family, "invite": True},
                headers={"Idempotency-Key": address},
            )
        except httpx.TransportError as error:
            raise AssertionError("no answer") from error
        assert answer.status_code == 201, answer.text

    await eventually(accepted, within_seconds=180, every_seconds=0.5)


async def test_each_container_is_killed_while_a_run_sends_and_nothing_is_lost(
    project: ComposeProject, driver: ComposeDriver
) -> None:
    school_id = await driver.create_school("Kill School")
    await driver.import_csv(school_id, families_csv(RUN_FAMILIES, tag="kill"))
    await driver.wait_until_all_can_be_messaged(school_id, RUN_FAMILIES)
    bulk_id = await driver.invite_all(school_id)
    await driver.wait_for_run(school_id, bulk_id, "running", "done")
    killed = [service for service in project.services() if service not in NOT_KILLED_IN_A_RUN]
    for service in killed:
        await _add_student(driver, school_id, f"kill-{service}@family.example")
        await _kill_and_wait_for_restart(project, service)
    await eventually(project.up, within_seconds=300, every_seconds=2)  # a busy machine may miss probes
    counts = await _wait_until_all_have_email(driver, "kill", RUN_FAMILIES + len(killed), within_seconds=300)
    run = await driver.wait_for_run(school_id, bulk_id, "done")
    assert run["messaged"] == RUN_FAMILIES, run
    for address in (address for address, count in counts.items() if count > 1):
        # A kill has cut off the answer of the SMTP server, so the same message was sent again with the same link.
        messages = await driver.messages(to=address)
        assert len({link for message in messages for link in message["links"]}) == 1
    await driver.sign_up("kill3@family.example", "kill.three")
    await _wait_until_signed_up(driver, school_id, "Father 3")


async def test_an_email_waits_for_an_smtp_server_that_is_down(
    project: ComposeProject, driver: ComposeDriver
) -> None:
    school_id = await driver.create_school("Patient School")
    await driver.import_csv(school_id, families_csv(2, tag="patient"))
    await driver.wait_until_all_can_be_messaged(school_id, 2)
    project.compose("stop", "mailpit")
    bulk_id = await driver.invite_all(school_id)

    async def is_attempted() -> None:
        assert {row["delivery"] for row in await driver.list_parents(school_id)} <= {
            "failed_temporary",
            "queued",
        }

    await eventually(is_attempted, within_seconds=60, every_seconds=0.2)
    project.compose("start", "mailpit")
    counts = await _wait_until_all_have_email(driver, "patient", 2, within_seconds=300)
    assert set(counts.values()) == {1}
    await driver.wait_for_run(school_id, bulk_id, "done")


async def test_down_and_up_preserves_everything(project: ComposeProject) -> None:
    async with open_driver(project) as driver:
        school_id = await driver.create_school("Steady School")
        await driver.import_csv(school_id, families_csv(3, tag="steady"))
        await driver.wait_until_all_can_be_messaged(school_id, 3)
        await driver.wait_for_run(school_id, await driver.invite_all(school_id), "done")
        await _wait_until_all_have_email(driver, "steady", 3, within_seconds=120)
        link = await driver.wait_for_link("steady1@family.example", "verify")

        async def list_sent() -> list[Any]:
            rows = await driver.list_parents(school_id)
            assert {row["delivery"] for row in rows} == {"sent"}
            return rows

        before = await eventually(list_sent, within_seconds=60, every_seconds=0.2)
        token = driver.client.headers["Authorization"]
    project.down()
    project.up()
    async with open_driver(project) as driver:
        driver.client.headers["Authorization"] = token
        assert await driver.list_parents(school_id) == before
        assert (await driver.client.post(link, follow_redirects=True)).status_code == 200
        assert await driver.wait_for_link("steady1@family.example", "join")
