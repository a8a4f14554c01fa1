"""HTTP client for what staff of a school do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from bench.families import families_csv
from bench.stream import Stream

_IDLE_SECONDS = 2
_TIMEOUT_SECONDS = 300.0
_POLL_SECONDS = 0.05
_KNOWN_WITHIN_SECONDS = 300.0
_PAGE = 200


class SchoolApi:
    """Client of the services at `urls` (by service name), with a token that has all rights.

    Its connections stay open, like those of a browser, until `close()`.
    """

    def __init__(self, urls: Mapping[str, str], headers: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._headers = dict(headers)
        # Services close connections that were idle for two minutes; a frozen service does so when it continues.
        limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
        self._client = httpx.Client(headers=self._headers, timeout=_TIMEOUT_SECONDS, limits=limits)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def school(self, name: str) -> str:
        """Register a school and return its id once invitations has its replica.

        Raises TimeoutError after five minutes.
        """
        body = {
            "name": name,
            "country": "DE",
            "language": "en",
            "timezone": "Europe/Berlin",
            "credentials_mode": "self_service",
        }
        school = self._call("POST", "roster", "/roster/v1/schools", json=body)
        self._wait_known(str(school["school_id"]))
        return str(school["school_id"])

    def _wait_known(self, school_id: str) -> None:
        """Wait until invitations has the school; a service that was frozen first rejoins its consumer groups."""
        url = f"{self._urls['invitations']}/invitations/v1/schools/{school_id}/invitations"
        deadline = time.monotonic() + _KNOWN_WITHIN_SECONDS
        while (answer := self._client.get(url)).status_code == httpx.codes.NOT_FOUND:
            if time.monotonic() > deadline:
                raise TimeoutError(f"invitations does not know {school_id}: {answer.text}")
        answer.raise_for_status()

    def upload(self, school_id: str, file: bytes) -> str:
        """Upload a CSV and return the id of the import, which continues in the background."""
        files = {"file": ("families.csv", file, "text/csv")}
        taken = self._call("POST", "roster", f"/roster/v1/schools/{school_id}/imports", files=files)
        return str(taken["import_id"])

    def wait_applied(self, school_id: str, import_id: str) -> float:
        """Wait for the end of an import and return the `time.monotonic()` of the poll that saw it."""
        path = f"/roster/v1/schools/{school_id}/imports/{import_id}"
        while True:
            state = self._call("GET", "roster", path)
            if state["state"] == "applied":
                return time.monotonic()
            if state["state"] in {"refused", "failed", "preview"}:
                raise RuntimeError(f"the import ended as {state['state']}: {state['errors']}")
            time.sleep(_POLL_SECONDS)

    def create_parents(self, count: int, tag: str) -> tuple[str, dict[str, str]]:
        """Create a school with `count` parents who can be invited; return its id, and the parents' ids by address."""
        school_id = self.create_school_with_parents(count, tag)
        return school_id, self._parents(school_id)

    def create_school_with_parents(self, count: int, tag: str) -> str:
        """Create a school with `count` parents who can be invited, and return its id."""
        school_id = self.school(f"School {tag}")
        self.wait_applied(school_id, self.upload(school_id, families_csv(count, tag)))
        deadline = time.monotonic() + _KNOWN_WITHIN_SECONDS
        body = {"select": {"all": True}, "channel": "email", "dry_run": True}
        path = f"/invitations/v1/schools/{school_id}/bulk"
        while (invitable := self._call("POST", "invitations", path, json=body)["to_message"]) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{invitable} of {count} parents can be invited")
        return school_id

    def _parents(self, school_id: str) -> dict[str, str]:
        ids, cursor = {}, None
        while True:
            wanted = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", "roster", f"/roster/v1/schools/{school_id}/parents", params=wanted)
            ids.update({parent["email"]: parent["parent_id"] for parent in page["items"]})
            cursor = page["next"]
            if cursor is None:
                return ids

    def bulk(self, school_id: str) -> str:
        """Start a bulk run for everybody by e-mail and return its id."""
        body = {"select": {"all": True}, "channel": "email"}
        run = self._call("POST", "invitations", f"/invitations/v1/schools/{school_id}/bulk", json=body)
        return str(run["bulk_id"])

    def run(self, school_id: str, bulk_id: str) -> Any:
        """Return the state and counts of a bulk run."""
        return self._call("GET", "invitations", f"/invitations/v1/schools/{school_id}/bulk/{bulk_id}")

    def invite(self, school_id: str, parent_id: str) -> None:
        """Invite one parent by e-mail."""
        body = {"parent_id": parent_id, "channel": "email"}
        self._call("POST", "invitations", f"/invitations/v1/schools/{school_id}/invitations", json=body)

    def stream(self, school_id: str) -> Stream:
        """Open the stream that an open page of the dashboard reads."""
        path = f"/dashboard/v1/schools/{school_id}/stream"
        return Stream(self._urls["dashboard"], path, self._headers)

    def status_page(self, school_id: str, wanted: Mapping[str, Any]) -> str | None:
        """Request a page of the status view and return the cursor of the next one."""
        path = f"/dashboard/v1/schools/{school_id}/parents"
        following: str | None = self._call("GET", "dashboard", path, params=dict(wanted))["next"]
        return following

    def email_received_at(self, email: str) -> float | None:
        """Return when the embedded mailbox received the email to this address (`time.time()`), or None if it has not
        yet.
        """
        page = self._call("GET", "notifier", "/mailbox/v1/messages", params={"to": email, "limit": 1})
        return datetime.fromisoformat(page["items"][0]["received_at"]).timestamp() if page["items"] else None

    def _call(self, method: str, service: str, path: str, **arguments: Any) -> Any:
        answer = self._client.request(method, self._urls[service] + path, **arguments)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()
