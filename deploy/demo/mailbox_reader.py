"""What has come into the mailbox since the last look."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.cli.api import Api

_LINK = re.compile(r"/(verify|join)/[\w-]{22}$")


@dataclass(frozen=True, slots=True)
class Mail:
    """A message with a link to act on; `kind` is verify or join."""

    to: str
    kind: str
    link: str
    received_at: str


class Mailbox:
    """Read from the newest backwards, as far as is known already."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._newest = 0

    async def new(self) -> list[Mail]:
        """The messages since the last call, the oldest first."""
        found: list[Mail] = []
        newest = self._newest
        async for message in self._api.items("/mailbox/v1/messages"):
            number = int(message["id"])
            if number <= self._newest:
                break
            newest = max(newest, number)
            found += _mails(message["to"], message["links"], message["received_at"])
        self._newest = newest
        return found[::-1]


def _mails(to: str, links: list[str], received_at: str) -> list[Mail]:
    for link in links:
        if kind := _LINK.search(link):
            return [Mail(to, kind[1], link, received_at)]
    return []
