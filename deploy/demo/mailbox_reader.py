"""Reader of new messages in the mailbox."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.cli.api import Api

_LINK = re.compile(r"/(verify|join)/[\w-]{22}$")


@dataclass(frozen=True, slots=True)
class Mail:
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

    async def read_new(self) -> list[Mail]:
        """Return the messages that have arrived since the last call, oldest first. Raises Refused and Unavailable."""
        mails: list[Mail] = []
        newest = self._newest
        async for message in self._api.list_items("/mailbox/v1/messages"):
            number = int(message["id"])
            if number <= self._newest:
                break
            newest = max(newest, number)
            mails += _find_mail(message["to"], message["links"], message["received_at"])
        self._newest = newest
        return mails[::-1]


def _find_mail(to: str, links: list[str], received_at: str) -> list[Mail]:
    for link in links:
        if kind := _LINK.search(link):
            return [Mail(to, kind[1], link, received_at)]
    return []
