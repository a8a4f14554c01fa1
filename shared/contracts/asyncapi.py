"""AsyncAPI 3 document, generated from the topics and the messages."""

from __future__ import annotations

from typing import Any

from shared.contracts.message import Message, all_messages
from shared.contracts.samples import sample_event, structured
from shared.contracts.schemas import schema_of
from shared.contracts.topics import NOTIFIER_COMMANDS, NOTIFIER_COMMANDS_BULK, TOPICS, Topic

MILLISECONDS_PER_DAY = 86_400_000


def document(version: str) -> dict[str, Any]:
    """Return the whole document as JSON-ready values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kinvite events",
            "version": version,
            "description": (
                "CloudEvents 1.0 on Kafka. Published in binary mode, read in binary and structured mode. "
                "Order holds per key and topic."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {"messages": {_name(message): _message(message) for message in all_messages()}},
    }


def messages_of(topic: Topic) -> list[type[Message]]:
    """Return the messages that travel on a topic; the bulk lane carries the same commands as the single value."""
    wanted = NOTIFIER_COMMANDS if topic is NOTIFIER_COMMANDS_BULK else topic
    return [message for message in all_messages() if message.contract.topic is wanted]


def _name(message: type[Message]) -> str:
    return message.contract.type


def _channel(topic: Topic) -> dict[str, Any]:
    personal = "Holds personal data" if topic.personal else "Holds no personal data"
    return {
        "address": topic.name,
        "description": f"{personal}; {_retention(topic)}; ordered by {topic.key}.",
        "messages": {
            _name(value): {"$ref": f"#/components/messages/{_name(value)}"} for value in messages_of(topic)
        },
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["compact"]}
                if topic.retention_days is None
                else {"retention.ms": topic.retention_days * MILLISECONDS_PER_DAY},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _retention(topic: Topic) -> str:
    if topic.retention_days is None:
        return "the newest record of every key kept for ever"
    return f"kept {topic.retention_days} days"


def _message(message: type[Message]) -> dict[str, Any]:
    contract = message.contract
    example = structured(sample_event(message))
    return {
        "name": contract.type,
        "title": message.__name__,
        "summary": (message.__doc__ or "").strip(),
        "description": f"A {contract.kind}. Triggered when: {contract.triggered_by}.",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"],
            "properties": {
                name: {"type": "string"}
                for name in (
                    "ce_specversion",
                    "ce_id",
                    "ce_source",
                    "ce_type",
                    "ce_subject",
                    "ce_time",
                    "ce_schoolid",
                    "ce_aggregateversion",
                    "ce_actor",
                    "traceparent",
                )
            },
        },
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": schema_of(message)},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": contract.key}, "bindingVersion": "0.5.0"}
        },
        "examples": [{"name": contract.type, "payload": example["data"]}],
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        channel = {"$ref": f"#/channels/{topic.name.replace('/', '~1')}"}
        operations[f"publish {topic.name}"] = {
            "action": "send",
            "channel": channel,
            "summary": f"{topic.owner} and the senders of its commands publish here."
            if "commands" in topic.name
            else f"Only {topic.owner} publishes here.",
        }
        if topic.compacted:
            operations[f"every process reads {topic.name}"] = {
                "action": "receive",
                "channel": channel,
                "summary": "Without a consumer group, from the beginning, before it says that it is ready.",
            }
        for group in topic.readers:
            operations[f"{group} reads {topic.name}"] = {
                "action": "receive",
                "channel": channel,
                "bindings": {
                    "kafka": {"groupId": {"type": "string", "enum": [group]}, "bindingVersion": "0.5.0"}
                },
            }
    return operations
