"""Reader of new messages in the mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.cli.api import Api

_LINK = re.compile(r"/(verify|join)/[\w-]{22}$")


@dataclass(frozen=True, slots=True)
class LinkMessage:
    """Message with a link to open. `kind` is verify or join."""

    to: str
    kind: str
    link: str
    received_at: str


class MailboxReader:
    """Returns each message once. It reads the list from the newest message back to those that it has returned."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._newest = 0

    async def read_new(self) -> list[LinkMessage]:
        """Return the messages that have arrived since the last call, oldest first. Raises Refused and Unavailable."""
        messages: list[LinkMessage] = []
        newest = self._newest
        async for message in self._api.list_items("/mailbox/v1/messages"):
            number = int(message["id"])
            if number <= self._newest:
                break
            newest = max(newest, number)
            messages += _find_link(message["to"], message["links"], message["received_at"])
        self._newest = newest
        return messages[::-1]


def _find_link(to: str, links: list[str], received_at: str) -> list[LinkMessage]:
    for link in links:
        if kind := _LINK.search(link):
            return [LinkMessage(to, kind[1], link, received_at)]
    return []
