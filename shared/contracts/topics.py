"""Topics, the only list of them: key, partitions, retention, consumer groups, and whether they carry personal data.

A topic is named `{owner}.{aggregate}`; a consumer group `{consumer}.on-{producer}`, which is also its inbox key.
Topics with personal data are retained for seven days, the others for thirty. A compacted topic keeps the newest record
of every key for ever, and every process reads it for itself from its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

PERSONAL_RETENTION_DAYS = 7
RETENTION_DAYS = 30


@dataclass(frozen=True, slots=True)
class Topic:
    """Topic. `key` names the field that orders its records; `readers` are the consumer groups that read it."""

    name: str
    key: str
    readers: tuple[str, ...]
    personal: bool
    partitions: int = 4
    compacted: bool = False

    @property
    def retention_days(self) -> int | None:
        """Days after which the broker may delete a record; None for a compacted topic."""
        if self.compacted:
            return None
        return PERSONAL_RETENTION_DAYS if self.personal else RETENTION_DAYS

    @property
    def owner(self) -> str:
        """Service that publishes to the topic."""
        return self.name.partition(".")[0]


ROSTER_SCHOOL = Topic(
    "roster.school",
    "school_id",
    ("invitations.on-roster", "signup.on-roster", "dashboard.on-roster"),
    personal=False,
)
ROSTER_STUDENT = Topic(
    "roster.student", "student_id", ("signup.on-roster", "dashboard.on-roster"), personal=True
)
ROSTER_PARENT = Topic(
    "roster.parent",
    "parent_id",
    ("invitations.on-roster", "signup.on-roster", "dashboard.on-roster"),
    personal=True,
)
ROSTER_SIBLINGS = Topic("roster.siblings", "sibling_group_id", ("dashboard.on-roster",), personal=False)
INVITATIONS_INVITATION = Topic(
    "invitations.invitation",
    "invitation_id",
    ("signup.on-invitations", "dashboard.on-invitations"),
    personal=False,
)
NOTIFIER_COMMANDS = Topic("notifier.commands", "message_id", ("notifier.on-commands",), personal=True)
NOTIFIER_COMMANDS_BULK = Topic(
    "notifier.commands.bulk", "message_id", ("notifier.on-commands-bulk",), personal=True
)
NOTIFIER_MESSAGE = Topic(
    "notifier.message", "message_id", ("invitations.on-notifier", "dashboard.on-notifier"), personal=False
)
NOTIFIER_RECIPIENT = Topic(
    "notifier.recipient", "parent_id", ("invitations.on-notifier", "dashboard.on-notifier"), personal=True
)
SIGNUP_SUBMISSION = Topic("signup.submission", "invitation_id", ("invitations.on-signup",), personal=False)
SIGNUP_ACCOUNT = Topic(
    "signup.account",
    "account_id",
    ("roster.on-signup", "invitations.on-signup", "dashboard.on-signup"),
    personal=False,
)
DASHBOARD_ACCESS = Topic("dashboard.access", "token_id", (), personal=False, partitions=1, compacted=True)

TOPICS: tuple[Topic, ...] = (
    ROSTER_SCHOOL,
    ROSTER_STUDENT,
    ROSTER_PARENT,
    ROSTER_SIBLINGS,
    INVITATIONS_INVITATION,
    NOTIFIER_COMMANDS,
    NOTIFIER_COMMANDS_BULK,
    NOTIFIER_MESSAGE,
    NOTIFIER_RECIPIENT,
    SIGNUP_SUBMISSION,
    SIGNUP_ACCOUNT,
    DASHBOARD_ACCESS,
)
TOPICS_BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}


def topics_of(group: str) -> tuple[Topic, ...]:
    """Return the topics that a consumer group reads, in the order of `TOPICS`. Raises KeyError for an unknown group."""
    topics = tuple(topic for topic in TOPICS if group in topic.readers)
    if not topics:
        raise KeyError(group)
    return topics


def consumer_groups() -> tuple[str, ...]:
    """Return every consumer group that reads a topic, sorted."""
    return tuple(sorted({group for topic in TOPICS for group in topic.readers}))
