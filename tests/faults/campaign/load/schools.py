"""The schools of a campaign."""

from tests.faults.campaign.ledger import Outcome
from tests.faults.campaign.load.caller import Caller, Request
from tests.faults.campaign.load.memory import SCHOOL


async def open_schools(caller: Caller, count: int) -> list[str]:
    """Register schools before anything goes wrong, and return their ids."""
    ids = []
    for number in range(count):
        body = {**SCHOOL, "name": f"School {number}"}
        entry = await caller.send(
            Request("add_school", "roster", "POST", "/roster/v1/schools", json=body, keyed=True)
        )
        assert entry.outcome is Outcome.OK, f"no school: {entry.status}"
        ids.append(str(entry.answer["school_id"]))
    return ids
