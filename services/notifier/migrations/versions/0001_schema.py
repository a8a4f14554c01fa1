"""Schema of the notifier: messages and their attempts, delivery reports, opt-outs, and the rate limit of texts."""

from alembic import op

from shared.runtime.migrations import (
    RowLevelSecurity,
    create_runtime_tables,
    irreversible,
    rows_of_parent_table,
)

revision = "0011"
down_revision = None
branch_labels = None
depends_on = None

CONSUMER_GROUPS = ("notifier.on-commands", "notifier.on-commands-bulk")
_MESSAGES = (
    # One row per message that was commanded: the queue of the senders, and the state of the message. No row contains a
    # link: it is derived from (template, invitation_id, generation) with key `token_key_id` when the message is sent.
    """
    CREATE TABLE messages (
        message_id uuid CONSTRAINT pk_messages PRIMARY KEY,
        school_id uuid NOT NULL,
        parent_id uuid NOT NULL,
        invitation_id uuid NOT NULL,
        generation integer NOT NULL,
        channel text NOT NULL,
        lane text NOT NULL CONSTRAINT ck_messages_lane CHECK (lane IN ('single', 'bulk')),
        template text NOT NULL,
        address text NOT NULL,
        name text NOT NULL,
        language text NOT NULL,
        school_name text NOT NULL,
        timezone text NOT NULL,
        token_key_id text NOT NULL,
        -- The link in the message is dead from then on.
        expires_at timestamptz NOT NULL,
        traceparent text,
        state text NOT NULL,
        -- When the message is to be tried (again); of a claimed message, when its lease ends; NULL if never.
        due_at timestamptz,
        -- End of the sender's lease.
        locked_until timestamptz,
        -- Number of the claim; an outcome is saved only under the number of its own claim.
        fence integer NOT NULL DEFAULT 0,
        -- Attempts that were used up, and those of them with an unknown outcome.
        attempts integer NOT NULL DEFAULT 0,
        ambiguous integer NOT NULL DEFAULT 0,
        -- Whether a temporary failure was announced by an event.
        announced boolean NOT NULL DEFAULT false,
        -- Whether the process of a sender ended while it held the message.
        interrupted boolean NOT NULL DEFAULT false,
        -- Version of the message's events.
        version bigint NOT NULL DEFAULT 0,
        -- Code and reason of the last result; the reason is a sentence for staff.
        code text NOT NULL DEFAULT '',
        reason text NOT NULL DEFAULT '',
        queued_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        -- The provider's id of the copy that counts, for providers that report.
        provider_id text,
        -- Next status check, and the number of checks made.
        ask_at timestamptz,
        asked integer NOT NULL DEFAULT 0,
        -- Quiet hours in `timezone`; NULL: the message is sent at any hour.
        quiet_from time,
        quiet_until time,
        -- The last attempt for an e-mail message that was sent is stored here instead of in `attempts`: when it was
        -- claimed, and the server's answer.
        began_at timestamptz,
        answer text,
        CONSTRAINT ck_messages_state CHECK (state IN (
            'queued', 'sending', 'failed_temporary', 'sent', 'delivered', 'failed_permanent', 'unknown')),
        CONSTRAINT ck_messages_due_at CHECK (
            (due_at IS NULL) = (state IN ('sent', 'delivered', 'failed_permanent', 'unknown'))),
        CONSTRAINT ck_messages_locked_until CHECK ((locked_until IS NOT NULL) = (state = 'sending'))
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    # The queue of a sender.
    "CREATE INDEX ix_messages_due ON messages (channel, lane, due_at, message_id) WHERE due_at IS NOT NULL",
    # Lists for staff.
    "CREATE INDEX ix_messages_school ON messages (school_id, queued_at, message_id)",
    "CREATE INDEX ix_messages_parent ON messages (parent_id)",
    # Recipients of an opt-out.
    "CREATE INDEX ix_messages_number ON messages (address, channel) WHERE channel IN ('sms', 'whatsapp')",
    # Status checks.
    "CREATE INDEX ix_messages_ask_at ON messages (channel, ask_at) WHERE ask_at IS NOT NULL",
    # One row per attempt, numbered by the fence of its claim. `detail` is the provider's answer, for staff.
    """
    CREATE TABLE attempts (
        message_id uuid NOT NULL
            CONSTRAINT fk_attempts_message_id_messages REFERENCES messages ON DELETE CASCADE,
        number integer NOT NULL,
        began_at timestamptz,
        ended_at timestamptz NOT NULL,
        verdict text NOT NULL CONSTRAINT ck_attempts_verdict CHECK (
            verdict IN ('sent', 'refused', 'try_later', 'unavailable', 'unknown', 'interrupted')),
        code text NOT NULL,
        detail text NOT NULL,
        CONSTRAINT pk_attempts PRIMARY KEY (message_id, number)
    )
    """,
)
_REPORTS = (
    # The furthest delivery report about each copy at a provider. `word` is its status, `rank` the order of the
    # statuses, `code` the provider's code of a failure.
    """
    CREATE TABLE reports (
        provider_id text CONSTRAINT pk_reports PRIMARY KEY,
        message_id uuid NOT NULL,
        word text NOT NULL CONSTRAINT ck_reports_word CHECK (word IN ('taken', 'delivered', 'failed', 'silent')),
        rank integer NOT NULL,
        code integer,
        applied boolean NOT NULL DEFAULT false,
        heard_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_reports_message_id ON reports (message_id)",
    "CREATE INDEX ix_reports_waiting ON reports (message_id) WHERE NOT applied",
)
_OPT_OUTS = (
    # Addresses that take no messages on a channel, since `since` and until `lifted_at`. `announced`: the last change
    # was announced by events.
    """
    CREATE TABLE suppressions (
        channel text NOT NULL,
        address text NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        lifted_at timestamptz,
        announced boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_suppressions PRIMARY KEY (channel, address)
    )
    """,
    "CREATE INDEX ix_suppressions_unannounced ON suppressions (channel, address) WHERE NOT announced",
    # Replies that were processed, so that a repeated request has no second effect.
    """
    CREATE TABLE inbound (
        message_sid text CONSTRAINT pk_inbound PRIMARY KEY,
        heard_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_inbound_heard_at ON inbound (heard_at)",
)
_RATE_LIMIT = (
    # Texts of each school per hour.
    """
    CREATE TABLE spending (
        school_id uuid NOT NULL,
        hour timestamptz NOT NULL,
        texts integer NOT NULL,
        CONSTRAINT pk_spending PRIMARY KEY (school_id, hour)
    )
    """,
)


def upgrade() -> None:
    create_runtime_tables(op, CONSUMER_GROUPS)
    for statement in (*_MESSAGES, *_REPORTS, *_OPT_OUTS, *_RATE_LIMIT):
        op.execute(statement)
    security = RowLevelSecurity(op, "notifier")
    security.grant_runtime_tables()
    security.protect("messages")
    security.protect("attempts", rows=rows_of_parent_table("attempts", "messages", "message_id"))
    security.protect("spending", api="")
    # These belong to no school: a report names a message, and a number opts out for every school.
    security.grant("reports", api="SELECT, INSERT, UPDATE")
    security.grant("suppressions", api="SELECT, INSERT, UPDATE")
    security.grant("inbound", api="SELECT, INSERT")


downgrade = irreversible
