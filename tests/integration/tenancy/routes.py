"""Every route of every service, with the kind of caller and a meaningful request.

A new route that is not described here fails `test_every_route_can_be_driven`, which names what to add.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal
from unittest.mock import patch

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from tests.support.apps import COMMON_ENVIRONMENT

SERVICES = ("roster", "invitations", "notifier", "signup", "dashboard")
Caller = Literal["api_client", "staff", "parent", "provider", "anybody"]
_NOWHERE = {
    **COMMON_ENVIRONMENT,
    "KINVITE_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:9/none",
    "KINVITE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
}
# Kind of caller by the beginning of the path; the first match counts.
_CALLERS: tuple[tuple[str, Caller], ...] = (
    (r"(/\w+)?/(healthz|readyz)$", "anybody"),
    (r"/\w+/openapi\.json$", "anybody"),
    (r"/admin/(office\.(css|js)|icon\.svg)$", "anybody"),
    (r"/notifier/hooks/", "provider"),
    (r"/(roster|invitations|notifier|dashboard)/v1/", "api_client"),
    (r"/admin(/|$)", "staff"),
    (r"/(verify|join|login|account|signup/result|forgot)(/|$)", "parent"),
)
_FILE = {"file": ("a.csv", b"student_name,parents_email\nKim,kim@family.example\n", "text/csv")}
# Bodies of an API client's writes. {names} are ids of the school in question.
BODIES: dict[str, dict[str, Any]] = {
    "POST /roster/v1/schools": {"name": "A school of our own", "country": "DE"},
    "PATCH /roster/v1/schools/{school_id}": {"reminder_days": [2]},
    "POST /roster/v1/schools/{school_id}/students": {"name": "Eve"},
    "PATCH /roster/v1/schools/{school_id}/students/{student_id}": {"class_name": "3b"},
    "POST /roster/v1/schools/{school_id}/students/{student_id}/parents": {"name": "Eve", "invite": False},
    "PATCH /roster/v1/schools/{school_id}/parents/{parent_id}": {"language": "fr"},
    "POST /roster/v1/schools/{school_id}/siblings": {"student_ids": ["{student_id}", "{other_student_id}"]},
    "POST /roster/v1/schools/{school_id}/imports": {"files": _FILE, "dry_run": "true"},
    "POST /roster/v1/schools/{school_id}/imports/{import_id}/apply": {"skip_bad_rows": True},
    "POST /invitations/v1/schools/{school_id}/invitations": {"parent_id": "{invited_id}"},
    "POST /invitations/v1/schools/{school_id}/bulk": {
        "select": {"parent_ids": ["{parent_id}"]},
        "channel": "email",
        "dry_run": True,
    },
    "POST /invitations/v1/schools/{school_id}/bulk/{bulk_id}/{control}": {},
    "POST /dashboard/v1/tokens": {"name": "Eve", "rights": ["admin"], "school_ids": ["{school_id}"]},
}
QUERIES = {"DELETE /roster/v1/schools/{school_id}/siblings": "?sibling_group_id={sibling_group_id}"}
# Fields of the dashboard's forms; the form token is added.
FORMS: dict[str, dict[str, Any]] = {
    "POST /admin/schools": {
        "name": "A school of our own",
        "country": "DE",
        "timezone": "UTC",
        "key": "{key}",
    },
    "POST /admin/staff": {"email": "eve-{key}@example.org", "role": "viewer", "school_ids": "{school_id}"},
    "POST /admin/staff/{staff_id}/role": {"role": "front_desk", "school_ids": "{school_id}"},
    "POST /admin/staff/{staff_id}/end": {},
    "POST /admin/tokens": {
        "name": "Eve",
        "rights": "roster:read",
        "school_ids": "{school_id}",
        "days": "9",
        "key": "{key}",
    },
    "POST /admin/tokens/{token_id}/revoke": {},
    "POST /admin/schools/{school_id}/students/new": {"name": "Eve", "key": "{key}"},
    "POST /admin/schools/{school_id}/students/{student_id}/parents": {"name": "Eve", "key": "{key}"},
    "POST /admin/schools/{school_id}/parents/{parent_id}": {"name": "Eve"},
    "POST /admin/schools/{school_id}/parents/{parent_id}/invite": {"channel": "email", "sure": "true"},
    "POST /admin/schools/{school_id}/parents/{parent_id}/withdraw": {},
    "POST /admin/schools/{school_id}/invite/preview": {"who": "all", "channel": "email"},
    "POST /admin/schools/{school_id}/invite/run": {
        "student_id": "{student_id}",
        "channel": "email",
        "key": "{key}",
    },
    "POST /admin/schools/{school_id}/invite/{bulk_id}/{control}": {},
    "POST /admin/schools/{school_id}/import": {"files": _FILE, "dry_run": "true"},
    "POST /admin/schools/{school_id}/import/{import_id}/apply": {},
    "POST /admin/login": {"email": "nobody@example.org", "password": "not the password"},
    "POST /admin/logout": {},
}
VALUES = {"control": "pause", "token": "A" * 22, "secret": "A" * 43}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path."""

    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def caller(self) -> Caller | None:
        """Return the kind of caller, or None for a path that is not described above."""
        return next((caller for start, caller in _CALLERS if re.match(start, self.path)), None)

    @property
    def parameters(self) -> list[str]:
        return [name.partition(":")[0] for name in re.findall(r"\{([\w:]+)\}", self.path)]

    @property
    def fields(self) -> Mapping[str, Any]:
        return (FORMS if self.caller == "staff" else BODIES).get(self.name, {})

    @property
    def names_ids(self) -> bool:
        """Return whether path, query or body name something inside a school."""
        text = str(self.fields) + QUERIES.get(self.name, "")
        return bool(set(self.parameters) - {"school_id"}) or "_id}" in text

    @property
    def missing(self) -> str | None:
        """Return what has to be added above before this route can be called, or None."""
        if self.caller is None:
            return "name the kind of caller (_CALLERS)"
        if (
            self.caller == "api_client"
            and self.method in ("POST", "PUT", "PATCH")
            and self.name not in BODIES
        ):
            return "give it a body (BODIES)"
        if self.caller == "staff" and self.method != "GET" and self.name not in FORMS:
            return "give it a form (FORMS)"
        return None

    async def send(self, client: httpx.AsyncClient, ids: Mapping[str, str], **extra: str) -> httpx.Response:
        """Send the request with these ids; `extra` are fields that every form has."""
        values = {**VALUES, **ids}
        path = re.sub(r":\w+\}", "}", self.path + QUERIES.get(self.name, "")).format(**values)
        if path.endswith("/stream"):
            return await _first_of(client, path)
        if self.method in ("GET", "DELETE", "HEAD"):
            return await client.request(self.method, path)
        fields = {name: value for name, value in self.fields.items() if name != "files"}
        filled, files = filled_in(fields, values), self.fields.get("files")
        if self.caller == "api_client" and files is None:
            return await client.request(self.method, path, json=filled)
        return await client.request(self.method, path, data={**filled, **extra}, files=files)


async def _first_of(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Return the beginning of a response that has no end."""
    async with client.stream("GET", path) as answer:
        text = await anext(answer.aiter_text(), "")
        return httpx.Response(answer.status_code, text=text, request=answer.request)


def filled_in(value: Any, values: Mapping[str, str]) -> Any:
    """Replace the names of ids by the ids."""
    if isinstance(value, dict):
        return {name: filled_in(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item, values) for item in value]
    return value.format(**values) if isinstance(value, str) else value


def all_operations() -> list[Operation]:
    """Return the operations of the five services' apps, none of which is started."""
    with patch.dict(os.environ, _NOWHERE):
        apps = [import_module(f"services.{service}.app").create_app() for service in SERVICES]
    match = {operation: None for app in apps for operation in _walk(app.routes)}
    return list(match)


def operations_of(app: FastAPI) -> list[Operation]:
    """Return the operations of one service's app."""
    return list(_walk(app.routes))


def _walk(routes: Iterable[BaseRoute]) -> Iterator[Operation]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _walk(inner.routes)
            continue
        path, methods = getattr(route, "path", None), getattr(route, "methods", None)
        assert path is not None, f"{type(route).__name__}: a kind of route that this walk does not know"
        assert methods is not None, f"{path}: a kind of route that this walk does not know"
        yield from (Operation(method, path) for method in sorted(methods) if method != "HEAD")
