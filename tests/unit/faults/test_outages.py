"""Outages measure the load: an outage in which nothing was written proves nothing."""

from tests.faults.campaign.ledger import Entry, Ledger, Outcome
from tests.faults.campaign.sampling import longest_gap


def _ledger(*moments: float, outcome: Outcome = Outcome.OK) -> Ledger:
    return Ledger([Entry("rename", outcome, began_at=moment, ended_at=moment) for moment in moments])


def test_the_longest_time_without_a_write_counts_from_the_beginning_and_to_the_end() -> None:
    assert longest_gap(_ledger(5.0, 12.0, 14.0), 10.0, 20.0) == 6.0
    assert longest_gap(_ledger(17.0), 10.0, 20.0) == 7.0


def test_writes_without_an_answer_do_not_count() -> None:
    assert longest_gap(_ledger(12.0, 14.0, outcome=Outcome.UNKNOWN), 10.0, 20.0) == 10.0
