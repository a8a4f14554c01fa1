"""Commands `migrate`, `topics`, `doctor` and `contracts`: setup and inspection of an installation."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from typing import Annotated, Any

import aiohttp
import typer
from aiokafka.errors import KafkaError

from deploy.cli.api import Unavailable
from deploy.cli.connection import ROOT, Url, find_target
from deploy.cli.output import (
    CONFIGURATION,
    FAILED,
    USAGE,
    AsJson,
    Failure,
    print_json,
    print_line,
    print_rows,
)
from deploy.cli.services import SERVICES, load_all_settings
from shared.contracts.asyncapi import document
from shared.contracts.generate import VERSION
from shared.contracts.message import all_messages
from shared.contracts.schemas import schema_of
from shared.contracts.topics import TOPICS
from shared.runtime.core import ServiceSettings
from shared.runtime.messaging import Kafka

PROBE_TIMEOUT_SECONDS = 5.0
contracts_group = typer.Typer(help="The messages between the services.", no_args_is_help=True)
Services = Annotated[list[str] | None, typer.Argument(help=f"Left out: all. {', '.join(SERVICES)}.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command(epilog="Example: kinvite migrate roster signup")(migrate)
    app.command(epilog="Examples: kinvite topics --list; kinvite topics --replication 3")(topics)
    app.command(epilog="Example: kinvite doctor --json")(doctor)
    app.add_typer(contracts_group, name="contracts")


def migrate(services: Services = None, as_json: AsJson = False) -> None:
    """Bring the schemas of the services up to date."""
    selected = _select_services(services)
    load_all_settings(selected)
    rows = []
    for service in selected:
        command = [sys.executable, "-m", f"services.{service}", "migrate"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if result.returncode == CONFIGURATION:
            raise Failure(result.stderr.strip(), CONFIGURATION)
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no reason given"]
            raise Failure(f"{service} could not be migrated: {lines[-1]}", FAILED)
        rows.append({"service": service, "migrated": True})
        if not as_json:
            print_line(f"{service}: up to date")
    if as_json:
        print_json(rows)


def topics(
    listed: Annotated[bool, typer.Option("--list", help="Only list the topics that should exist.")] = False,
    replication: Annotated[int, typer.Option(min=1, max=9, help="Replicas of each new topic.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing on the broker."""
    created: list[str] = []
    if not listed:
        settings: ServiceSettings = load_all_settings(["roster"])["roster"]
        if settings.kafka_profile == "embedded":
            raise Failure("The Kinvite of `kinvite up` makes its topics by itself.", USAGE)
        created = asyncio.run(_create_topics(Kafka.from_settings(settings), replication))
    rows = [
        {
            "topic": topic.name,
            "partitions": topic.partitions,
            "retention_days": topic.retention_days,
            "personal": topic.personal,
            "readers": ", ".join(topic.readers),
        }
        | ({} if listed else {"created": any(name.endswith(topic.name) for name in created)})
        for topic in TOPICS
    ]
    print_rows(rows, list(rows[0]), as_json=as_json, empty="")


async def _create_topics(kafka: Kafka, replication: int) -> list[str]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the error below is printed once
    try:
        return await kafka.create_topics(replication=replication)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"The broker does not answer ({type(error).__name__}).") from None


def doctor(url: Url = None, as_json: AsJson = False) -> None:
    """Check the health of every service and list its problems."""
    address = url or find_target(url, None).url
    rows = asyncio.run(_probe_all(address.rstrip("/")))
    print_rows(rows, ("service", "well", "problems"), as_json=as_json, empty="")
    if not any(row["answers"] for row in rows):
        raise Unavailable(f"Kinvite does not answer at {address}.")
    if not all(row["well"] for row in rows):
        raise Failure("not all is well", FAILED)


async def _probe_all(url: str) -> list[dict[str, Any]]:
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_probe(session, url, service) for service in SERVICES)))


async def _probe(session: aiohttp.ClientSession, url: str, service: str) -> dict[str, Any]:
    row: dict[str, Any] = {"service": service, "answers": False, "well": False}
    try:
        async with session.get(f"{url}/{service}/readyz") as response:
            content = await response.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return row | {"problems": f"does not answer ({type(error).__name__})"}
    problems = "; ".join(f"{name}: {text}" for name, text in content.get("problems", {}).items())
    return row | {"answers": True, "well": response.status == 200, "problems": problems}


@contracts_group.command("list", epilog="Example: kinvite contracts list --json")
def list_contracts(as_json: AsJson = False) -> None:
    """List message types."""
    contracts = [message.contract for message in all_messages()]
    rows = [
        {"type": contract.type, "kind": contract.kind, "topic": contract.topic.name} for contract in contracts
    ]
    print_rows(rows, ("type", "kind", "topic"), as_json=as_json, empty="")


@contracts_group.command("show", epilog="Example: kinvite contracts show signup.account.signed_up.v1")
def show_contract(
    name: Annotated[str, typer.Argument(help="A message type.")], as_json: AsJson = True
) -> None:
    """Print the JSON Schema of a message type (it is JSON in any case)."""
    del as_json
    message = next((message for message in all_messages() if message.contract.type == name), None)
    if message is None:
        raise Failure(f"There is no message type {name}; `kinvite contracts list` names them.", USAGE)
    print_json(schema_of(message))


@contracts_group.command("asyncapi", epilog="Example: kinvite contracts asyncapi > asyncapi.json")
def show_document(as_json: AsJson = True) -> None:
    """Print the AsyncAPI document of all messages (it is JSON in any case)."""
    del as_json
    print_json(json.loads(json.dumps(document(VERSION))))


def _select_services(names: list[str] | None) -> list[str]:
    if unknown := set(names or ()) - set(SERVICES):
        raise typer.BadParameter(f"there is no service {min(unknown)}")
    return list(names or SERVICES)
