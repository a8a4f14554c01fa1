"""The whole product on one machine: PostgreSQL, a broker, the mailbox and the five services under one supervisor."""

from __future__ import annotations
