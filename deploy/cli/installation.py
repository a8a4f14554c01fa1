"""migrate, topics, doctor, contracts: an installation before and while it runs."""

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
from deploy.cli.connection import ROOT, Url, target
from deploy.cli.outcome import CONFIGURATION, FAILED, USAGE, AsJson, Failure, say, show, show_json
from deploy.cli.services import SERVICES, settings_of
from deploy.cli.work import run
from shared.contracts.asyncapi import document
from shared.contracts.generate import VERSION
from shared.contracts.message import all_messages
from shared.contracts.schemas import schema_of
from shared.contracts.topics import TOPICS
from shared.runtime.core import ServiceSettings
from shared.runtime.messaging import Kafka

PROBE_SECONDS = 5.0
contract_group = typer.Typer(help="The messages between the services.", no_args_is_help=True)
Services = Annotated[list[str] | None, typer.Argument(help=f"Left out: all. {', '.join(SERVICES)}.")]


def add_to(app: typer.Typer) -> None:
    """The verbs of this module."""
    app.command(epilog="Example: kinvite migrate roster signup")(migrate)
    app.command(epilog="Examples: kinvite topics --list; kinvite topics --replication 3")(topics)
    app.command(epilog="Example: kinvite doctor --json")(doctor)
    app.add_typer(contract_group, name="contracts")


def migrate(services: Services = None, as_json: AsJson = False) -> None:
    """Bring the schemas of the services up to date."""
    chosen = _chosen(services)
    settings_of(chosen)
    done = []
    for service in chosen:
        command = [sys.executable, "-m", f"services.{service}", "migrate"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ended.returncode == CONFIGURATION:
            raise Failure(ended.stderr.strip(), CONFIGURATION)
        if ended.returncode:
            lines = ended.stderr.strip().splitlines() or ["no reason given"]
            raise Failure(f"{service} could not be migrated: {lines[-1]}", FAILED)
        done.append({"service": service, "migrated": True})
        if not as_json:
            say(f"{service}: up to date")
    if as_json:
        show_json(done)


def topics(
    listed: Annotated[bool, typer.Option("--list", help="Only say which there are to be.")] = False,
    replication: Annotated[int, typer.Option(min=1, max=9, help="Copies of each, for new ones.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing on the broker."""
    created: list[str] = []
    if not listed:
        settings: ServiceSettings = settings_of(["roster"])["roster"]
        if settings.kafka_profile == "embedded":
            raise Failure("The Kinvite of `kinvite up` makes its topics by itself.", USAGE)
        created = run(_create(Kafka.from_settings(settings), replication))
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
    show(rows, list(rows[0]), as_json=as_json, empty="")


async def _create(kafka: Kafka, replication: int) -> list[str]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is said below, once
    try:
        return await kafka.create_topics(replication=replication)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"The broker does not answer ({type(error).__name__}).") from None


def doctor(url: Url = None, as_json: AsJson = False) -> None:
    """Ask every service whether it is well, and say what is not."""
    address = url or target(url, None).url
    rows = run(_probe_all(address.rstrip("/")))
    show(rows, ("service", "well", "problems"), as_json=as_json, empty="")
    if not any(row["answers"] for row in rows):
        raise Unavailable(f"Kinvite does not answer at {address}.")
    if not all(row["well"] for row in rows):
        raise Failure("not all is well", FAILED)


async def _probe_all(url: str) -> list[dict[str, Any]]:
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_probe(session, url, service) for service in SERVICES)))


async def _probe(session: aiohttp.ClientSession, url: str, service: str) -> dict[str, Any]:
    row: dict[str, Any] = {"service": service, "answers": False, "well": False}
    try:
        async with session.get(f"{url}/{service}/readyz") as answer:
            told = await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return row | {"problems": f"does not answer ({type(error).__name__})"}
    problems = "; ".join(f"{name}: {text}" for name, text in told.get("problems", {}).items())
    return row | {"answers": True, "well": answer.status == 200, "problems": problems}


@contract_group.command("list", epilog="Example: kinvite contracts list --json")
def list_contracts(as_json: AsJson = False) -> None:
    """List message types."""
    rows = [
        {"type": one.contract.type, "kind": one.contract.kind, "topic": one.contract.topic.name}
        for one in all_messages()
    ]
    show(rows, ("type", "kind", "topic"), as_json=as_json, empty="")


@contract_group.command("show", epilog="Example: kinvite contracts show signup.account.signed_up.v1")
def show_contract(
    name: Annotated[str, typer.Argument(help="A message type.")], as_json: AsJson = True
) -> None:
    """Print the JSON Schema of a message type (it is JSON in any case)."""
    del as_json
    found = next((one for one in all_messages() if one.contract.type == name), None)
    if found is None:
        raise Failure(f"There is no message type {name}; `kinvite contracts list` names them.", USAGE)
    show_json(schema_of(found))


@contract_group.command("asyncapi", epilog="Example: kinvite contracts asyncapi > asyncapi.json")
def show_document(as_json: AsJson = True) -> None:
    """Print the AsyncAPI document of all messages (it is JSON in any case)."""
    del as_json
    show_json(json.loads(json.dumps(document(VERSION))))


def _chosen(services: list[str] | None) -> list[str]:
    if unknown := set(services or ()) - set(SERVICES):
        raise typer.BadParameter(f"there is no service {min(unknown)}")
    return list(services or SERVICES)
