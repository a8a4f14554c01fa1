"""Two schools on one installation, both with everything a school can have, and the credentials of people of the
second.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx

from services.dashboard.domain.api_tokens import Grant
from services.dashboard.domain.staff import Role
from services.dashboard.use_cases.create_token import OPERATOR, create_token
from shared.runtime.database import Database
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.acceptance.kinvite_up import KinviteUp
from tests.integration.dashboard.builders import add_member
from tests.support.waiting import eventually

PASSWORD = "correct horse battery 1"
_CSV = """student_name,father_name,parents_contact,parents_email
{tag} Row,{tag} Uncle,030 555 0{n}9,{tag}9@family.example
,{tag} Nobody,030 555 0{n}8,no address
"""


@dataclass(slots=True)
class SchoolUnderTest:
    """A school; `ids` are all that paths and bodies may name, `tag` occurs in every name and address of its people."""

    tag: str
    number: int
    token: str = ""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def school_id(self) -> str:
        return self.ids["school_id"]

    def secrets(self) -> set[str]:
        """Return the texts that no one of another school may read."""
        return {self.tag, self.tag.lower(), *self.ids.values()}


@dataclass(slots=True)
class TwoSchools:
    """Two schools: people of `ours` may learn nothing about `theirs`."""

    up: KinviteUp
    foreign: SchoolUnderTest
    own: SchoolUnderTest
    database_url: str
    auth_secret: str

    def token(self, school: SchoolUnderTest) -> dict[str, str]:
        """Return the header of an API token with all rights for one school."""
        return {"Authorization": f"Bearer {school.token}"}

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=str(self.up.client.base_url), headers=headers, timeout=30)


async def build_two_schools(up: KinviteUp) -> TwoSchools:
    """Fill both schools; return when the status view shows it."""
    secrets = json.loads((up.data / "secrets.json").read_text())
    port = (up.data / "postgres" / "postmaster.pid").read_text().split("\n")[3]
    url = f"postgresql+asyncpg://kinvite_app:{secrets['application_password']}@127.0.0.1:{port}/kinvite"
    foreign, own = SchoolUnderTest("Quillfeather", 1), SchoolUnderTest("Marrowgate", 2)
    two_schools = TwoSchools(up, foreign, own, url, secrets["auth_secret"])
    await asyncio.gather(_fill(up, foreign), _fill(up, own))
    async with Database(url, schema="dashboard") as database:
        for school in (foreign, own):
            await _grant_access(database, school, two_schools.auth_secret)
    return two_schools


async def _grant_access(database: Database, school: SchoolUnderTest, secret: str) -> None:
    """Create an API token and a member of staff who can sign in, and one more of each to be managed."""
    schools = frozenset({UUID(school.school_id)})
    managed = await add_member(database, f"{school.tag}@example.org".lower(), Role.VIEWER, schools)
    school.ids["staff_id"] = str(managed.staff_id)
    async with database.transaction() as tx:
        grant = Grant(f"{school.tag} feed", ALL_RIGHTS, schools)
        _, school.token = await create_token(tx, secret, grant, OPERATOR)
        token, _ = await create_token(tx, secret, grant, OPERATOR)
    school.ids["token_id"] = str(token.token_id)


async def _fill(up: KinviteUp, school: SchoolUnderTest) -> None:
    tag, number = school.tag, school.number
    school.ids["school_id"] = await up.create_school(f"{tag} School")
    root = f"/roster/v1/schools/{school.school_id}"
    await _people(up, school, root)
    path = f"{root}/imports"
    text = _CSV.format(tag=tag, n=number)
    answer = await up.client.post(
        path, files={"file": (f"{tag}.csv", text.encode(), "text/csv")}, data={"dry_run": "true"}
    )
    school.ids["import_id"] = answer.json()["import_id"]

    async def previewed() -> None:
        assert (await up.get(f"{path}/{school.ids['import_id']}"))["state"] in ("preview", "refused")

    await eventually(previewed, within_seconds=60)
    await _sign_up(up, school)
    await _run(up, school)
    messages = await up.items(f"/notifier/v1/schools/{school.school_id}/messages")
    school.ids["message_id"], school.ids["invitation_id"] = (
        messages[0]["message_id"],
        messages[0]["invitation_id"],
    )


async def _run(up: KinviteUp, school: SchoolUnderTest) -> None:
    """Run a bulk run to the outcomes of its messages, so that nothing changes by itself afterwards."""
    path = f"/invitations/v1/schools/{school.school_id}/bulk"
    run = await up.post(path, {"select": {"all": True}, "channel": "email"})
    school.ids["bulk_id"] = run["bulk_id"]

    async def finished() -> None:
        assert (await up.get(f"{path}/{run['bulk_id']}"))["state"] == "done"
        rows = await up.items(f"/dashboard/v1/schools/{school.school_id}/parents")
        assert {row["delivery"] for row in rows} == {"sent"}

    await eventually(finished, within_seconds=60)


async def _people(up: KinviteUp, school: SchoolUnderTest, root: str) -> None:
    """Add two students of one parent, and a third of a parent who may be the same."""
    tag, number = school.tag, school.number
    family = {
        "father_name": f"{tag} Father",
        "mother_name": f"{tag} Mother",
        "parents_contact": f"+4930555010{number}",
        "parents_email": f"{tag}@family.example",
    }
    for name in ("First", "Second"):
        student = await up.post(
            f"{root}/students", {"name": f"{tag} {name}", "number": f"{tag}-{name}", **family}
        )
        school.ids["student_id"] = student["student_id"]
    cousin = {**family, "father_name": f"{tag} Cousin", "parents_contact": f"+4930555020{number}"}
    other = await up.post(f"{root}/students", {"name": f"{tag} Third", **cousin})
    school.ids["other_student_id"] = other["student_id"]
    parents = await up.items(f"{root}/parents")
    parent = next(parent for parent in parents if len(parent["children"]) > 1)
    school.ids["parent_id"] = parent["parent_id"]
    school.ids["contact_id"] = parent["contacts"][0]["contact_id"]
    school.ids["invited_id"] = next(
        candidate["parent_id"] for candidate in parents if candidate is not parent
    )
    groups = await up.items(f"{root}/siblings", show="linked")
    school.ids["sibling_group_id"] = groups[0]["sibling_group_id"]


async def _sign_up(up: KinviteUp, school: SchoolUnderTest) -> None:
    """Verify and join as the parent."""
    invitations = f"/invitations/v1/schools/{school.school_id}/invitations"
    await up.post(invitations, {"parent_id": school.ids["parent_id"]})
    address = f"{school.tag}@family.example".lower()
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as parent:
        verified = await parent.post(await up.wait_for_link(address, "verify"))
        assert verified.status_code == 200
        form = {"username": f"{school.tag}.parent", "password": PASSWORD}
        joined = await parent.post(await up.wait_for_link(address, "join"), data=form)
        assert joined.status_code == 200

    async def shown() -> None:
        path = f"/dashboard/v1/schools/{school.school_id}/parents/{school.ids['parent_id']}"
        answer = await up.client.get(path)
        assert answer.status_code == 200
        assert answer.json()["status"] == "signed_up"

    await eventually(shown, within_seconds=30)


@asynccontextmanager
async def signed_in_staff(
    two_schools: TwoSchools, school: SchoolUnderTest
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser in which an admin of one school is signed in."""
    email = f"admin-{school.number}-{uuid4().hex[:8]}@example.org"
    async with Database(two_schools.database_url, schema="dashboard") as database:
        schools = frozenset({UUID(school.school_id)})
        member = await add_member(database, email, Role.ADMIN, schools)
    async with two_schools.client() as browser:
        answer = await browser.post("/admin/login", data={"email": email, "password": member.password})
        assert answer.status_code == 303, answer.text
        browser.follow_redirects = True
        yield browser


async def form_token(browser: httpx.AsyncClient) -> str:
    """Return the token that every form of this session carries."""
    match = re.search(r'name="form_token" value="(\w+)"', (await browser.get("/admin/schools")).text)
    assert match
    return match[1]
