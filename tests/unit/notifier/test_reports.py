"""What a late report makes of a message whose end seemed known."""

from dataclasses import replace

import pytest

from services.notifier.domain.messages import Announcement, Result, State, Verdict
from services.notifier.domain.reports import RANK, Report, Standing, Word, hear
from services.notifier.domain.retry import RetryPolicy
from tests.unit.notifier.test_messages import CLAIM, NOW

UNKNOWN = Standing(replace(CLAIM, attempts=1), State.UNKNOWN, "SM1")
LATER = Result(Verdict.TRY_LATER, "30003", "Switched off.")


@pytest.mark.parametrize(
    ("standing", "word", "provider_id", "state"),
    [
        (UNKNOWN, Word.DELIVERED, "SM1", State.DELIVERED),
        (UNKNOWN, Word.DELIVERED, "SM2", State.DELIVERED),
        (UNKNOWN, Word.FAILED, "SM1", State.FAILED_PERMANENT),
        (UNKNOWN, Word.FAILED, "SM2", None),
        (replace(UNKNOWN, provider_id=None), Word.FAILED, "SM1", None),
        (UNKNOWN, Word.TAKEN, "SM1", None),
        (UNKNOWN, Word.SILENT, "SM1", None),
        (replace(UNKNOWN, state=State.DELIVERED), Word.FAILED, "SM1", None),
        (replace(UNKNOWN, state=State.FAILED_PERMANENT), Word.DELIVERED, "SM1", None),
    ],
)
def test_i35_an_unknown_outcome_becomes_a_known_one_and_no_other_end_moves(
    standing: Standing, word: Word, provider_id: str, state: State | None
) -> None:
    failure = LATER if word is Word.FAILED else None
    report = Report(provider_id, CLAIM.message.message_id, word, failure)
    change = hear(standing, report, NOW, RetryPolicy(), 0.5)
    assert (change.state if change else None) == state
    if change is not None:
        assert change.final
        assert change.announce in (Announcement.DELIVERED, Announcement.FAILED)


def test_i35_a_true_word_replaces_silence() -> None:
    assert RANK[Word.TAKEN] < RANK[Word.SILENT] < RANK[Word.DELIVERED] == RANK[Word.FAILED]
