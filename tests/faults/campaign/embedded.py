"""Campaign on the embedded Kinvite, whose broker keeps nothing: its records are taken from the outboxes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deploy.embedded.mailbox.parsing import parse_message
from deploy.embedded.mailbox.store import StoredMessage
from shared.contracts.topics import consumer_groups, topics_of
from tests.acceptance.kinvite_up import KinviteUp
from tests.faults.campaign.evidence import TOKEN, Arrival, Evidence, parse_message_id
from tests.faults.campaign.site import Site
from tests.faults.campaign.topics import Record
from tests.support.stack import SERVICES

PARTS = ("broker", "postgres", "server")
_PORT_LINE = 3
_UNPROCESSED = """
SELECT count(*) FROM {emitter}.outbox AS sent
 WHERE sent.topic = ANY($1) AND sent.data IS NOT NULL
   AND NOT EXISTS (SELECT FROM {reader}.inbox AS passed
                    WHERE passed.id = sent.message_id AND passed.consumer = $2::text::{reader}.consumer_group)
"""
_EMAILS = "SELECT message_key, id, channel, recipient, raw, received_at_ms, copies FROM messages"


def embedded_site(up: KinviteUp) -> Site:
    """Return the site, where everything has one address."""
    url = f"http://127.0.0.1:{up.port}"
    headers = {"Authorization": f"Bearer {up.credentials['api_token']}"}
    return Site(lambda _: [url], url, headers, administrator_url(up.data))


def administrator_url(data: Path) -> str:
    """Return the database URL of the administrator, who sees every school; a restart may change its port."""
    password = json.loads((data / "secrets.json").read_text())["administrator_password"]
    port = (data / "postgres" / "postmaster.pid").read_text().splitlines()[_PORT_LINE]
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/kinvite"


def kill_part(up: KinviteUp, name: str) -> bool:
    """Kill a part and all processes that it started with SIGKILL; return False if it is down already."""
    run = json.loads((up.data / "run.json").read_text())
    try:
        # A recorded pid may belong to another program by now, unless it is in our process tree.
        top = {process.pid: process for process in up.tree()}[int(run[name]["pid"])]
        for process in (top, *top.children(recursive=True)):
            process.kill()
    except (KeyError, psutil.NoSuchProcess):
        return False
    return True


async def unprocessed(database: str) -> dict[str, int]:
    """Return the number of messages that a group has not processed yet, by group and emitting service."""
    evidence: dict[str, int] = {}
    connection = await asyncpg.connect(database)
    try:
        for emitter in SERVICES:
            for group in consumer_groups():
                query = _UNPROCESSED.format(emitter=emitter, reader=group.partition(".")[0])
                topics = [topic.name for topic in topics_of(group)]
                count = await connection.fetchval(query, topics, group)
                evidence |= {f"{emitter} to {group}": int(count)} if count else {}
    finally:
        await connection.close()
    return evidence


def add_sent_records(evidence: Evidence, data: Path) -> None:
    """Add the records from the outboxes, in the order of publishing, and the emails from the mailbox's file."""
    for service in SERVICES:
        rows = sorted(evidence.table(f"{service}.outbox"), key=lambda row: row["id"])
        evidence.records += [_record(row) for row in rows]
    with sqlite3.connect(data / "mailbox.sqlite3") as connection:
        stored = [(key, StoredMessage(*row)) for key, *row in connection.execute(_EMAILS)]
    evidence.arrivals = [copy for key, email in stored for copy in _arrivals(key, email)]


def _record(row: dict[str, Any]) -> Record:
    headers = json.loads(row["headers"])
    return Record(
        row["topic"],
        0,
        row["id"],
        row["key"],
        row["message_id"],
        headers["ce_source"],
        headers["ce_type"],
        headers["ce_schoolid"],
        int(headers["ce_aggregateversion"]),
        headers["ce_time"],
        json.loads(row["data"]),
    )


def _arrivals(key: str, email: StoredMessage) -> Iterator[Arrival]:
    tokens = tuple(sorted({match[1] for link in parse_message(email).links if (match := TOKEN.search(link))}))
    for _ in range(email.arrival_count):
        yield Arrival(
            email.received_at_ms / 1000, email.channel, email.recipient, parse_message_id(key), tokens
        )
