"""Addresses of a Kinvite under load: its services, its mailbox and its database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import make_url

from tests.support.apps import bearer
from tests.support.postgres import Cluster
from tests.support.stack import Stack
from tests.support.stack.stack import DATABASE


@dataclass(frozen=True, slots=True)
class Site:
    """Addresses.

    `urls` returns the replicas that serve a service's API; `headers` have a token; `database` sees all schools.
    """

    urls: Callable[[str], Sequence[str]]
    mailbox: str
    headers: dict[str, str]
    database: str


def stack_site(stack: Stack, cluster: Cluster) -> Site:
    """Return the site of a stack of separate processes."""
    return Site(
        lambda service: [part.url for part in stack.list_api_parts(service)],
        stack.mailbox.url,
        bearer(),
        as_superuser(cluster.url(DATABASE)),
    )


def as_superuser(url: str) -> str:
    """Return the URL of the same database for the superuser, who sees every school's rows and needs no password."""
    return make_url(url).set(username="postgres", drivername="postgresql").render_as_string()
