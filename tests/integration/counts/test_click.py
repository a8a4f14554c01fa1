"""Round trips to the database for a click on Invite, each of which lets the person wait."""

from __future__ import annotations

from tests.integration.counts.bulk_fixture import RoundTrips
from tests.integration.invitations.builders import settings_for
from tests.integration.invitations.driver import open_driver

FIRST_INVITATION = 5
"""Begin with the locks, the lookup, the rows, the messages, the commit."""


async def test_a_click_on_invite_takes_few_round_trips(database_url: str) -> None:
    async with open_driver(settings_for(database_url)) as driver:
        await driver.register_school()
        record = await driver.add_parent()
        trips = RoundTrips()
        trips.watch(driver.database)
        answer = await driver.invite(record)
        assert answer.status_code == 202
        assert 0 < trips.count <= FIRST_INVITATION
