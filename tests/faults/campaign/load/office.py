"""What school offices do all day: add, import, rename, correct, remove, invite, invite again, invite all."""

from __future__ import annotations

import csv
import io
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.campaign.ledger import Entry, Outcome
from tests.faults.campaign.load.caller import Ask, Caller

SCHOOL = {
    "country": "DE",
    "language": "en",
    "timezone": "Europe/Berlin",
    "credentials_mode": "self_service",
    "quiet_from": "00:00",
    "quiet_until": "00:00",
}
_KEPT = 400
_IMPORTED = 8


@dataclass(frozen=True, slots=True)
class Known:
    """A parent whom the office has seen on its screen."""

    school_id: str
    student_id: str
    parent_id: str
    phone: bool


@dataclass(slots=True)
class Memory:
    """What all offices know together. `spoiled`: how the next addresses shall behave."""

    schools: list[str] = field(default_factory=list)
    parents: deque[Known] = field(default_factory=lambda: deque(maxlen=_KEPT))
    spoiled: deque[dict[str, Any]] = field(default_factory=deque)
    played: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def mark(self) -> str:
        """A word that nobody used before."""
        return f"mark{next(self.numbers):06}"


class Office:
    """One clerk. Every action is one request, or one upload."""

    def __init__(self, caller: Caller, memory: Memory) -> None:
        self._caller = caller
        self._memory = memory
        self._dice = caller.dice
        self._actions: list[tuple[int, Callable[[], Awaitable[Any]]]] = [
            (8, self.add_student),
            (4, self.add_parent),
            (1, self.import_families),
            (4, self.rename),
            (2, self.change_contact),
            (1, self.remove),
            (4, self.invite),
            (1, self.invite_many),
            (1, self.ask_nonsense),
        ]

    async def act(self) -> None:
        """One thing, chosen by the dice."""
        weights, actions = zip(*self._actions, strict=True)
        await self._dice.choices(actions, weights)[0]()

    async def add_student(self) -> None:
        mark, school_id = self._memory.mark(), self._school()
        invite = self._dice.random() < 0.7
        parents = [await self._parent(f"{mark}a", phone=self._dice.random() < 0.15)]
        if self._dice.random() < 0.4:
            parents.append(await self._parent(f"{mark}b", phone=False))
        body = {"name": f"Pupil {mark}", "parents": parents, "invite": invite}
        entry = await self._post("add_student", f"/schools/{school_id}/students", body, school_id, mark)
        for parent in entry.answer.get("parents", []):
            self._learn(school_id, entry.answer["student_id"], parent)

    async def add_parent(self) -> None:
        family = self._family()
        if family is None:
            return
        mark = self._memory.mark()
        body = {**await self._parent(mark, phone=False), "invite": self._dice.random() < 0.7}
        path = f"/schools/{family.school_id}/students/{family.student_id}/parents"
        entry = await self._post("add_parent", path, body, family.school_id, mark)
        if entry.answer:
            self._learn(family.school_id, family.student_id, entry.answer)

    async def import_families(self) -> None:
        mark, school_id = self._memory.mark(), self._school()
        file = ("families.csv", _families(mark, next(self._memory.numbers)), "text/csv")
        await self._caller.ask(
            Ask(
                "import",
                "roster",
                "POST",
                f"/roster/v1/schools/{school_id}/imports",
                school_id,
                mark,
                files={"file": file},
                keyed=True,
                sent={"families": _IMPORTED},
            )
        )

    async def rename(self) -> None:
        mark = self._memory.mark()
        await self._change("rename", {"name": f"Renamed {mark}"}, mark)

    async def change_contact(self) -> None:
        mark = self._memory.mark()
        await self._change("change_contact", {"email": f"{mark}@moved.example"}, mark)

    async def remove(self) -> None:
        family = self._family()
        if family is None:
            return
        path = f"/roster/v1/schools/{family.school_id}/parents/{family.parent_id}"
        sent = {"parent_id": family.parent_id}
        await self._caller.ask(Ask("remove", "roster", "DELETE", path, family.school_id, sent=sent))

    async def invite(self) -> None:
        family = self._family()
        if family is None:
            return
        channel = self._dice.choice(["sms", "whatsapp"]) if family.phone else "email"
        body = {"parent_id": family.parent_id, "channel": channel}
        path = f"/invitations/v1/schools/{family.school_id}/invitations"
        await self._caller.ask(
            Ask("invite", "invitations", "POST", path, family.school_id, json=body, keyed=True, sent=body)
        )

    async def invite_many(self) -> None:
        school_id = self._school()
        chosen = [one.parent_id for one in self._memory.parents if one.school_id == school_id][-20:]
        select = {"parent_ids": chosen} if chosen and self._dice.random() < 0.6 else {"all": True}
        body = {"select": select, "channel": "email"}
        path = f"/invitations/v1/schools/{school_id}/bulk"
        await self._caller.ask(Ask("bulk", "invitations", "POST", path, school_id, json=body, keyed=True))

    async def ask_nonsense(self) -> None:
        """Refused, so nothing of it may ever be seen."""
        mark, school_id = self._memory.mark(), self._school()
        body = {"name": f"Pupil {mark}", "parents": [{"name": f"Parent {mark}", "email": "no address"}]}
        await self._post("nonsense", f"/schools/{school_id}/students", body, school_id, mark)

    async def _change(self, action: str, body: dict[str, str], mark: str) -> None:
        family = self._family()
        if family is None:
            return
        path = f"/roster/v1/schools/{family.school_id}/parents/{family.parent_id}"
        sent = {"parent_id": family.parent_id, **body}
        await self._caller.ask(
            Ask(action, "roster", "PATCH", path, family.school_id, mark, json=body, sent=sent)
        )

    async def _post(self, action: str, path: str, body: Any, school_id: str, mark: str) -> Entry:
        return await self._caller.ask(
            Ask(
                action,
                "roster",
                "POST",
                f"/roster/v1{path}",
                school_id,
                mark,
                json=body,
                keyed=True,
                sent=body,
            )
        )

    async def _parent(self, mark: str, *, phone: bool) -> dict[str, Any]:
        if phone:
            number = f"+491512{3_000_000 + next(self._memory.numbers)}"
            return {"name": f"Parent {mark}", "relation": "mother", "phone": number}
        address = f"{mark}@family.example"
        await self._spoil(address)
        return {"name": f"Parent {mark}", "relation": "mother", "email": address}

    async def _spoil(self, address: str) -> None:
        """The next address behaves badly, where somebody asked for that; while the mailbox is down it does not."""
        if not self._memory.spoiled:
            return
        play = self._memory.spoiled.popleft()
        url = f"{self._caller.site.mailbox}/mailbox/v1/behaviours"
        try:
            await self._caller.client.post(url, json={"to": address, **play})
        except httpx.HTTPError:
            return
        self._memory.played[address] = str(play["behaviour"])

    def _learn(self, school_id: str, student_id: str, parent: dict[str, Any]) -> None:
        phone = not parent.get("email")
        self._memory.parents.append(Known(school_id, student_id, parent["parent_id"], phone))

    def _school(self) -> str:
        return self._dice.choice(self._memory.schools)

    def _family(self) -> Known | None:
        return self._dice.choice(self._memory.parents) if self._memory.parents else None


def _families(mark: str, first: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["student_name", "father_name", "mother_name", "parents_contact", "parents_email"])
    for number in range(_IMPORTED):
        phone = f"+491522{first:06}{number % 10}" if number < 10 else ""
        row = [
            f"Pupil {mark} {number}",
            f"Father {mark} {number}",
            "",
            phone,
            f"{mark}n{number}@family.example",
        ]
        writer.writerow(row)
    return text.getvalue().encode()


async def open_schools(caller: Caller, count: int) -> list[str]:
    """Before anything goes wrong; their ids."""
    ids = []
    for number in range(count):
        body = {**SCHOOL, "name": f"School {number}"}
        entry = await caller.ask(
            Ask("add_school", "roster", "POST", "/roster/v1/schools", json=body, keyed=True)
        )
        assert entry.outcome is Outcome.OK, f"no school: {entry.status}"
        ids.append(str(entry.answer["school_id"]))
    return ids
