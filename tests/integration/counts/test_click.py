"""Round trips to the database for a click on Invite, each of which lets the person wait."""

from __future__ import annotations

from tests.integration.counts.bulk_fixture import RoundTrips
from tests.integration.invitations.scene import scene, settings_for

FIRST_INVITATION = 5
"""Begin with the locks, the lookup, the rows, the messages, the commit."""


async def test_a_click_on_invite_takes_few_round_trips(database_url: str) -> None:
    async with scene(settings_for(database_url)) as school:
        await school.open_school()
        family = await school.family()
        trips = RoundTrips()
        trips.watch(school.database)
        answer = await school.invite(family)
        assert answer.status_code == 202
        assert 0 < trips.count <= FIRST_INVITATION
