"""Which columns change together: the registers of the domain as columns."""

from services.dashboard.storage.registers import Register

PERSON = Register(
    (
        ("person_version", "bigint"),
        ("name", "text"),
        ("language", "text"),
        ("contacts", "jsonb"),
        ("search", "text"),
        ("removed", "boolean"),
    ),
    same=("person_version", "language", "removed"),
)
PROGRESS = Register(
    (
        ("progress_version", "bigint"),
        ("state", "text"),
        ("state_at", "timestamptz"),
        ("state_reason", "text"),
    ),
    same=("progress_version", "state", "state_reason"),
)
SENDING = Register(
    (
        ("sending_version", "bigint"),
        ("generation", "integer"),
        ("channel", "text"),
        ("contact_id", "uuid"),
        ("expires_at", "timestamptz"),
        ("last_invited_at", "timestamptz"),
    ),
    same=("sending_version", "generation", "channel"),
)
OUTCOME = Register(
    (
        ("outcome_generation", "integer"),
        ("outcome_stage", "integer"),
        ("outcome_message_id", "uuid"),
        ("outcome_version", "bigint"),
        ("delivery", "text"),
        ("delivery_at", "timestamptz"),
        ("delivery_reason", "text"),
        ("delivery_code", "text"),
    ),
    ranked=4,
    same=(
        "outcome_generation",
        "outcome_stage",
        "outcome_version",
        "delivery",
        "delivery_reason",
        "delivery_code",
    ),
)
ACCOUNT = Register((("signed_up_at", "timestamptz"), ("account_id", "uuid")), ranked=2)
PARENT = (PERSON, PROGRESS, SENDING, OUTCOME, ACCOUNT)
STUDENT = Register(
    (
        ("version", "bigint"),
        ("name", "text"),
        ("number", "text"),
        ("class_name", "text"),
        ("removed", "boolean"),
    ),
    same=("version", "removed"),
)
SCHOOL = Register(
    (
        ("version", "bigint"),
        ("name", "text"),
        ("country", "text"),
        ("language", "text"),
        ("timezone", "text"),
        ("invitation_lifetime_days", "integer"),
    )
)
SCHOOL_KEYS = (("school_id", "uuid"),)
PARENT_KEYS = (("school_id", "uuid"), ("parent_id", "uuid"))
STUDENT_KEYS = (("school_id", "uuid"), ("student_id", "uuid"))
OPT_OUT = Register((("version", "bigint"), ("opted_out", "boolean")))
OPT_OUT_KEYS = (*PARENT_KEYS, ("channel", "text"), ("address_digest", "text"))
