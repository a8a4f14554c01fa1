"""Parts of a campaign for the embedded Kinvite, whose broker keeps nothing: its records are taken from the outboxes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deploy.embedded.mailbox.parse import content_of
from deploy.embedded.mailbox.store import Kept
from shared.contracts.topics import consumer_groups, topics_of
from tests.acceptance.kinvite_up import KinviteUp
from tests.faults.campaign.evidence import TOKEN, Arrival, Evidence, message_id_of
from tests.faults.campaign.site import Site
from tests.faults.campaign.topics import Record
from tests.support.stack import SERVICES

PARTS = ("broker", "postgres", "server")
_PORT_LINE = 3
_UNPASSED = """
SELECT count(*) FROM {emitter}.outbox AS sent
 WHERE sent.topic = ANY($1) AND sent.data IS NOT NULL
   AND NOT EXISTS (SELECT FROM {reader}.inbox AS passed
                    WHERE passed.id = sent.message_id AND passed.consumer = $2::text::{reader}.consumer_group)
"""
_MAILS = "SELECT message_key, id, channel, recipient, raw, received_at_ms, copies FROM messages"


def site_of(up: KinviteUp) -> Site:
    """Return the site, where everything has one address."""
    url = f"http://127.0.0.1:{up.port}"
    headers = {"Authorization": f"Bearer {up.credentials['api_token']}"}
    return Site(lambda _: [url], url, headers, database_of(up.data))


def database_of(data: Path) -> str:
    """Return the database URL of the cluster's administrator, who sees every school; a restart may change its port."""
    password = json.loads((data / "secrets.json").read_text())["administrator_password"]
    port = (data / "postgres" / "postmaster.pid").read_text().splitlines()[_PORT_LINE]
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/kinvite"


def kill_part(up: KinviteUp, name: str) -> bool:
    """Kill a part and all processes that it started with SIGKILL; return False if it is down already."""
    noted = json.loads((up.data / "run.json").read_text())
    try:
        # A number that was noted may be another program's by now, unless it is one of ours.
        top = {process.pid: process for process in up.tree()}[int(noted[name]["pid"])]
        for process in (top, *top.children(recursive=True)):
            process.kill()
    except (KeyError, psutil.NoSuchProcess):
        return False
    return True


async def unpassed(database: str) -> dict[str, int]:
    """Return the number of messages that a group has not processed yet, by group and emitting service."""
    found: dict[str, int] = {}
    connection = await asyncpg.connect(database)
    try:
        for emitter in SERVICES:
            for group in consumer_groups():
                query = _UNPASSED.format(emitter=emitter, reader=group.partition(".")[0])
                topics = [topic.name for topic in topics_of(group)]
                count = await connection.fetchval(query, topics, group)
                found |= {f"{emitter} to {group}": int(count)} if count else {}
    finally:
        await connection.close()
    return found


def add_what_was_sent(found: Evidence, data: Path) -> None:
    """Add the records from the outboxes, in the order of publishing, and the emails from the mailbox's file."""
    for service in SERVICES:
        rows = sorted(found.table(f"{service}.outbox"), key=lambda row: row["id"])
        found.records += [_record(row) for row in rows]
    with sqlite3.connect(data / "mailbox.sqlite3") as connection:
        kept = [(key, Kept(*row)) for key, *row in connection.execute(_MAILS)]
    found.arrivals = [copy for key, mail in kept for copy in _copies(key, mail)]


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


def _copies(key: str, mail: Kept) -> Iterator[Arrival]:
    tokens = tuple(sorted({found[1] for link in content_of(mail).links if (found := TOKEN.search(link))}))
    for _ in range(mail.copies):
        yield Arrival(mail.received_at_ms / 1000, mail.channel, mail.recipient, message_id_of(key), tokens)
