"""Every route and every id, with the credentials of another school (I38). `routes.py` has the requests."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from shared.runtime.database import Database
from tests.integration.tenancy.leaks import digest_rows, find_leaks
from tests.integration.tenancy.routes import SERVICES, VALUES, Operation, all_operations
from tests.integration.tenancy.two_schools import PASSWORD, TwoSchools, form_token, signed_in_staff
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("acceptance"), pytest.mark.slow]
_OPERATIONS = all_operations()
# A bulk run for a student that this school does not have is created, and selects nobody.
_RUN_ABOUT_NOBODY = "POST /admin/schools/{school_id}/invite/run"
# Other refusals: an unknown parent may still arrive; a preview counts ids that it does not know.
_NOT_404 = {
    "POST /invitations/v1/schools/{school_id}/invitations": 409,
    "POST /invitations/v1/schools/{school_id}/bulk": 202,
}


def _operations_for(caller: str) -> list[Operation]:
    return [operation for operation in _OPERATIONS if operation.caller == caller]


def test_every_route_can_be_called() -> None:
    """A new route fails here until `routes.py` describes a request for it."""
    lacking = [f"{operation.name}: {operation.missing}" for operation in _OPERATIONS if operation.missing]
    assert not lacking, "tests/integration/tenancy/routes.py: " + "; ".join(lacking)
    assert len(_OPERATIONS) > 90


def test_every_id_in_a_path_is_one_of_the_schools(two_schools: TwoSchools) -> None:
    unknown = {
        f"{operation.name}: {{{name}}}"
        for operation in _OPERATIONS
        for name in operation.parameters
        if name not in two_schools.foreign.ids and name not in VALUES
    }
    assert not unknown, f"give the schools of town.py such ids: {unknown}"


def test_an_id_that_was_not_in_the_very_question_is_a_leak(two_schools: TwoSchools) -> None:
    parent, student, other = (
        two_schools.foreign.ids[name] for name in ("parent_id", "student_id", "message_id")
    )
    request = httpx.Request("POST", f"http://kinvite.test/{parent}", data={"student_id": student})
    answer = httpx.Response(404, text=f"{parent} {student} {other}", request=request)
    assert find_leaks(answer, two_schools) == {other}
    assert find_leaks(answer, two_schools, echoes=False) == {parent, student, other}


async def test_i38_no_route_of_the_api_reveals_another_school(two_schools: TwoSchools) -> None:
    before = await digest_rows(two_schools, two_schools.foreign)
    foreign = two_schools.foreign.ids
    wrong: list[str] = []
    async with two_schools.client(**two_schools.token(two_schools.own)) as client:
        for operation in _operations_for("api_client"):
            answer = await operation.send(client, foreign)
            there = operation.parameters or operation.names_ids
            expected = (404,) if there else ((200,) if operation.method == "GET" else (403, 404))
            if answer.status_code not in expected or find_leaks(answer, two_schools):
                wrong.append(f"{operation.name} in their school: {answer.status_code} {answer.text[:200]}")
            if "school_id" not in operation.parameters:
                continue
            answer = await operation.send(client, {**foreign, "school_id": two_schools.own.school_id})
            if operation.names_ids:
                good = answer.status_code == _NOT_404.get(operation.name, 404)
            else:
                good = answer.status_code < 400
            if not good or find_leaks(answer, two_schools):
                wrong.append(f"{operation.name} in our school: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert await digest_rows(two_schools, two_schools.foreign) == before


async def test_i38_the_same_requests_work_for_the_school_itself(two_schools: TwoSchools) -> None:
    """Guard the test above, which routes that never find anything would pass."""
    secrets = []
    async with two_schools.client(**two_schools.token(two_schools.foreign)) as client:
        for operation in _operations_for("api_client"):
            if operation.method == "GET":
                answer = await operation.send(client, two_schools.foreign.ids)
                assert answer.status_code == 200, (
                    f"{operation.name}: {answer.status_code} {answer.text[:200]}"
                )
                secrets += [secret for secret in two_schools.foreign.secrets() if secret in answer.text]
    unseen = {
        two_schools.foreign.ids["contact_id"],
        two_schools.foreign.ids["staff_id"],
        two_schools.foreign.tag.lower(),
    }
    assert set(secrets) >= two_schools.foreign.secrets() - unseen


async def test_i38_searching_and_counting_find_nothing_of_another_school(two_schools: TwoSchools) -> None:
    async with two_schools.client(**two_schools.token(two_schools.own)) as client:
        for path in (
            "/roster/v1/schools/{}/students",
            "/roster/v1/schools/{}/parents",
            "/dashboard/v1/schools/{}/parents",
        ):
            answer = await client.get(
                path.format(two_schools.own.school_id), params={"q": two_schools.foreign.tag}
            )
            assert answer.json() == {"items": [], "next": None}


async def test_i38_no_page_of_the_dashboard_shows_another_school(two_schools: TwoSchools) -> None:
    before = await digest_rows(two_schools, two_schools.foreign)
    foreign, wrong = {**two_schools.foreign.ids, "key": two_schools.foreign.ids["token_id"]}, []
    async with signed_in_staff(two_schools, two_schools.own) as browser:
        token = await form_token(browser)
        for operation in _operations_for("staff"):
            if operation.name in _ENDS_THE_SESSION:
                continue
            answer = await operation.send(browser, foreign, form_token=token)
            if "school_id" in operation.parameters:
                refused = answer.status_code == 404
            else:
                refused = answer.status_code >= 400 or not operation.names_ids
            if not refused or find_leaks(answer, two_schools):
                wrong.append(f"{operation.name} of theirs: {answer.status_code}")
            if "school_id" not in operation.parameters:
                continue
            own = {**foreign, "school_id": two_schools.own.school_id}
            answer = await operation.send(browser, own, form_token=token)
            # A request that names nothing of theirs is about ours, and works.
            refused = operation.names_ids and operation.name != _RUN_ABOUT_NOBODY
            good = (answer.status_code >= 400) is refused
            if not good or find_leaks(answer, two_schools):
                wrong.append(f"{operation.name} in our school: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert await digest_rows(two_schools, two_schools.foreign) == before


async def test_i38_adding_staff_does_not_reveal_who_works_in_another_school(two_schools: TwoSchools) -> None:
    before, somebody = (
        await digest_rows(two_schools, two_schools.foreign),
        f"{two_schools.foreign.tag}@example.org".lower(),
    )
    async with signed_in_staff(two_schools, two_schools.own) as browser:
        fields = {"email": somebody, "role": "viewer", "school_ids": two_schools.own.school_id}
        answer = await browser.post("/admin/staff", data={**fields, "form_token": await form_token(browser)})
        assert (answer.status_code, "here already" in answer.text) == (422, False)
        assert "An owner has to add this person." in answer.text
        assert not {secret for secret in two_schools.foreign.secrets() if secret in answer.text} - {
            two_schools.foreign.tag.lower()
        }
    assert await digest_rows(two_schools, two_schools.foreign) == before


_ENDS_THE_SESSION = ("POST /admin/login", "POST /admin/logout")


async def test_i38_pages_for_parents_webhooks_and_public_pages_reveal_nothing(
    two_schools: TwoSchools,
) -> None:
    before = await digest_rows(two_schools, two_schools.foreign)
    wrong: list[str] = []
    origin = str(two_schools.up.client.base_url).rstrip("/")
    async with two_schools.client(origin=origin) as browser:
        form = {"username": f"{two_schools.own.tag}.parent", "password": PASSWORD}
        assert (await browser.post("/login", data=form)).status_code == 303
        operations = [*_operations_for("parent"), *_operations_for("anybody"), *_operations_for("provider")]
        for operation in sorted(operations, key=lambda operation: operation.path.endswith("sign-out")):
            answer = await operation.send(browser, two_schools.foreign.ids)
            forged = operation.caller == "provider" and answer.status_code != 403
            leaked = find_leaks(answer, two_schools, echoes=False)
            if forged or answer.status_code >= 500 or leaked:
                wrong.append(f"{operation.name}: {answer.status_code} {leaked}")
    assert len(operations) > 25
    assert not wrong, "\n".join(wrong)
    assert await digest_rows(two_schools, two_schools.foreign) == before


async def test_i38_a_parents_account_shows_the_own_school_only(two_schools: TwoSchools) -> None:
    async with two_schools.client() as browser:
        form = {"username": f"{two_schools.own.tag}.parent", "password": PASSWORD}
        answer = await browser.post(
            "/login", data=form, headers={"origin": str(two_schools.up.client.base_url).rstrip("/")}
        )
        assert answer.status_code == 303, answer.text[:500]
        account = await browser.get("/account")
        assert f"{two_schools.own.tag} First" in account.text
        assert two_schools.foreign.tag not in account.text


async def test_i38_every_table_hides_the_rows_of_schools_that_nobody_named(two_schools: TwoSchools) -> None:
    filled = 0
    for service in SERVICES:
        async with Database(two_schools.database_url, schema=service) as database:
            async with database.transaction() as tx:
                tables = await _apart(tx)
            for table in tables:
                filled += await eventually(partial(_adds_up, two_schools, database, table)) > 0
    assert filled > 20


async def _adds_up(two_schools: TwoSchools, database: Database, table: str) -> int:
    """Return the number of rows, once nothing changes between the three counts."""
    async with database.transaction() as tx:
        count = int(await tx.scalar(f"SELECT count(*) FROM {table} {_OF_A_SCHOOL.get(table, '')}"))
    assert await _count(database, table, []) == 0
    own = await _count(database, table, [two_schools.own.ids["school_id"]])
    foreign = await _count(database, table, [two_schools.foreign.ids["school_id"]])
    assert own + foreign == count, f"{database.schema}.{table}"
    assert (own > 0) == (foreign > 0)
    return count


# A token for every school belongs to none.
_OF_A_SCHOOL = {"access_tokens": "WHERE school_ids IS NOT NULL"}


async def _apart(tx: Any) -> list[str]:
    """Return the tables with row-level security that routes may read."""
    rows = await tx.rows(
        """SELECT relname FROM pg_class
            WHERE relnamespace = CAST(CAST(:schema AS text) AS regnamespace) AND relrowsecurity
              AND has_table_privilege(CAST(:schema AS text) || '_api', oid, 'SELECT')""",
        {"schema": tx.schema},
    )
    return [row.relname for row in rows]


async def _count(database: Database, table: str, schools: Any) -> int:
    async with database.transaction(schools=schools) as tx:
        return int(await tx.scalar(f"SELECT count(*) FROM {table}"))


# Accepted, and about something that exists, which shows that the refusals above are about the school.
_FOUND = (200, 201, 202, 204, 303, 409, 429)
_GONE_BEFORE = "DELETE /roster/v1/schools/{school_id}/siblings/{sibling_group_id}"
_NOT_FOR_ONE_SCHOOL = ("POST /roster/v1/schools", "POST /admin/schools")


def _destruction(operation: Operation) -> tuple[bool, bool, str]:
    """Return a sort key by which operations that remove something come last, and containers after their contents."""
    ends = operation.method == "DELETE" or operation.path.endswith(
        ("/end", "/revoke", "/logout", "/withdraw")
    )
    return ends, operation.path.endswith(("/{parent_id}", "/{student_id}", "/logout")), operation.path


async def test_i38_the_same_requests_find_what_is_the_schools_own(two_schools: TwoSchools) -> None:
    """Run last in this module, because it uses the school up."""
    ids, wrong = {**two_schools.foreign.ids, "key": two_schools.own.ids["message_id"]}, []
    operations = sorted([*_operations_for("api_client"), *_operations_for("staff")], key=_destruction)
    async with (
        two_schools.client(**two_schools.token(two_schools.foreign)) as api_client,
        signed_in_staff(two_schools, two_schools.foreign) as browser,
    ):
        token = await form_token(browser)
        for operation in operations:
            if operation.caller == "api_client":
                answer = await operation.send(api_client, ids)
            else:
                answer = await operation.send(browser, ids, form_token=token)
            expected: tuple[int, ...] = (*_FOUND, 404) if operation.name == _GONE_BEFORE else _FOUND
            if operation.name in _NOT_FOR_ONE_SCHOOL:
                expected = (403,)
            if operation.name == "POST /admin/login":
                expected = (401,)
            if answer.status_code not in expected or "not_known_yet" in answer.text:
                wrong.append(f"{operation.name}: {answer.status_code} {answer.text[-300:]}")
    assert not wrong, "\n".join(wrong)
