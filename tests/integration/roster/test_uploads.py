"""An upload takes its time; whether its token still holds is asked when it is all there."""

from collections.abc import AsyncIterator

import pytest

from services.roster.app import create_app
from services.roster.settings import Settings
from shared.runtime.database import Database
from shared.runtime.web import verify_token
from tests.integration.roster.office import Office
from tests.support.apps import AUTH_SECRET, bearer, running

START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nname,parents_email\r\n'
REST = b"Kim,kim@family.example\r\n--x--\r\n"


@pytest.mark.parametrize(("revoked", "status"), [(True, 401), (False, 202)])
async def test_a_token_revoked_during_its_upload_imports_nothing(
    settings: Settings, revoked: bool, status: int
) -> None:
    app, token = create_app(settings), bearer("roster:write")

    async def slowly() -> AsyncIterator[bytes]:
        yield START
        if revoked:
            told = verify_token(AUTH_SECRET, token["Authorization"].removeprefix("Bearer "))
            app.state.revocations._ids.add(told.id)
        yield REST

    async with (
        running(app, headers=bearer()) as client,
        Database(settings.database_url, schema="roster") as database,
    ):
        office = await Office.of_new_school(client, database)
        headers = {**token, "content-type": "multipart/form-data; boundary=x"}
        answer = await client.post(office.path("imports"), content=slowly(), headers=headers)
        assert answer.status_code == status, answer.text
        assert len((await client.get(office.path("imports"))).json()["items"]) == (not revoked)
