"""Everything on one machine: PostgreSQL, broker, mailbox and the five services under one supervisor."""
