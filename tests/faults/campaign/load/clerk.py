"""Staff of the load: they add, import, rename, correct, link, remove, invite, re-invite and invite all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.faults.campaign.ledger import Entry
from tests.faults.campaign.load.caller import Caller, Request
from tests.faults.campaign.load.memory import IMPORTED, Memory, SeenParent, build_import_file

# Behaviours that a phone number can have; the others end in reports of another kind.
_OF_PHONES = frozenset({"hang", "throttle", "refuse", "drop"})


class Clerk:
    """One member of staff. Every action is one request or one upload."""

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
            (2, self.change_student),
            (1, self.remove_student),
            (1, self.link_siblings),
            (4, self.invite),
            (1, self.invite_many),
            (1, self.send_invalid),
        ]

    async def act(self) -> None:
        """Do one action, chosen by the dice."""
        weights, actions = zip(*self._actions, strict=True)
        await self._dice.choices(actions, weights)[0]()

    async def add_student(self) -> None:
        mark, school_id = self._memory.mark(), self._pick_school()
        invite = self._dice.random() < 0.7
        parents = [await self._parent(f"{mark}a", phone=self._dice.random() < 0.15)]
        if self._dice.random() < 0.4:
            parents.append(await self._parent(f"{mark}b", phone=False))
        body = {"name": f"Student {mark}", "parents": parents, "invite": invite}
        entry = await self._post("add_student", f"/schools/{school_id}/students", body, school_id, mark)
        if entry.answer:
            self._memory.without_siblings[school_id].append(entry.answer["student_id"])
        for parent in entry.answer.get("parents", []):
            self._remember(school_id, entry.answer["student_id"], parent)

    async def add_parent(self) -> None:
        parent = self._pick_parent()
        if parent is None:
            return
        mark = self._memory.mark()
        body = {**await self._parent(mark, phone=False), "invite": self._dice.random() < 0.7}
        path = f"/schools/{parent.school_id}/students/{parent.student_id}/parents"
        entry = await self._post("add_parent", path, body, parent.school_id, mark)
        if entry.answer:
            self._remember(parent.school_id, parent.student_id, entry.answer)

    async def import_families(self) -> None:
        mark, school_id = self._memory.mark(), self._pick_school()
        file = ("families.csv", build_import_file(mark, next(self._memory.numbers)), "text/csv")
        path, sent = f"/roster/v1/schools/{school_id}/imports", {"families": IMPORTED}
        request = Request(
            "import", "roster", "POST", path, school_id, mark, files={"file": file}, keyed=True, sent=sent
        )
        await self._caller.send(request)

    async def rename(self) -> None:
        await self._change("rename", "name", "Renamed {}")

    async def change_contact(self) -> None:
        await self._change("change_contact", "email", "{}@moved.example")

    async def change_student(self) -> None:
        await self._change("change_student", "class_name", "Class {}")

    async def remove(self) -> None:
        parent = self._pick_parent()
        if parent is not None:
            await self._delete("remove", parent, f"parents/{parent.parent_id}", parent_id=parent.parent_id)

    async def remove_student(self) -> None:
        """Remove a student, through whom its parents may lose their access."""
        parent = self._pick_parent()
        if parent is not None:
            path = f"students/{parent.student_id}"
            await self._delete("remove_student", parent, path, student_id=parent.student_id)

    async def link_siblings(self) -> None:
        """Link two students with different parents; each parent has access to both afterwards."""
        school_id = self._pick_school()
        without_siblings = self._memory.without_siblings[school_id]
        if len(without_siblings) < 2:
            return
        body = {"student_ids": [without_siblings.popleft(), without_siblings.popleft()]}
        await self._post("link_siblings", f"/schools/{school_id}/siblings", body, school_id, "")

    async def invite(self) -> None:
        parent = self._pick_parent()
        if parent is None:
            return
        channel = self._dice.choice(["sms", "whatsapp"]) if parent.phone else "email"
        body = {"parent_id": parent.parent_id, "channel": channel}
        path = f"/invitations/v1/schools/{parent.school_id}/invitations"
        await self._caller.send(
            Request("invite", "invitations", "POST", path, parent.school_id, json=body, keyed=True, sent=body)
        )

    async def invite_many(self) -> None:
        school_id = self._pick_school()
        chosen = [parent.parent_id for parent in self._memory.parents if parent.school_id == school_id][-20:]
        select = {"parent_ids": chosen} if chosen and self._dice.random() < 0.6 else {"all": True}
        body = {"select": select, "channel": "email"}
        path = f"/invitations/v1/schools/{school_id}/bulk"
        await self._caller.send(
            Request("bulk", "invitations", "POST", path, school_id, json=body, keyed=True)
        )

    async def send_invalid(self) -> None:
        """Send a request that is refused, so that nothing of it may ever be stored."""
        mark, school_id = self._memory.mark(), self._pick_school()
        body = {"name": f"Student {mark}", "parents": [{"name": f"Parent {mark}", "email": "no address"}]}
        await self._post("nonsense", f"/schools/{school_id}/students", body, school_id, mark)

    async def _change(self, action: str, field: str, pattern: str) -> None:
        """Change one field of a parent or of a student to a value with a mark of its own."""
        parent = self._pick_parent()
        if parent is None:
            return
        mark = self._memory.mark()
        kind, id_ = ("student", parent.student_id) if "student" in action else ("parent", parent.parent_id)
        path = f"/roster/v1/schools/{parent.school_id}/{kind}s/{id_}"
        body, sent = {field: pattern.format(mark)}, {f"{kind}_id": id_}
        await self._caller.send(
            Request(action, "roster", "PATCH", path, parent.school_id, mark, json=body, sent=sent)
        )

    async def _delete(self, action: str, parent: SeenParent, path: str, **sent: str) -> None:
        path = f"/roster/v1/schools/{parent.school_id}/{path}"
        await self._caller.send(Request(action, "roster", "DELETE", path, parent.school_id, sent=sent))

    async def _post(self, action: str, path: str, body: Any, school_id: str, mark: str) -> Entry:
        return await self._caller.send(
            Request(
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
            await self._spoil(number)
            return {"name": f"Parent {mark}", "relation": "mother", "phone": number}
        address = f"{mark}@family.example"
        await self._spoil(address)
        return {"name": f"Parent {mark}", "relation": "mother", "email": address}

    async def _spoil(self, address: str) -> None:
        """Let the address behave badly if a fault has requested it; while the mailbox is down it does not."""
        if not self._memory.pending_behaviours:
            return
        if address.startswith("+") and self._memory.pending_behaviours[0]["behaviour"] not in _OF_PHONES:
            return
        play = self._memory.pending_behaviours.popleft()
        url = f"{self._caller.site.mailbox}/mailbox/v1/behaviours"
        try:
            await self._caller.client.post(url, json={"to": address, **play})
        except httpx.HTTPError:
            return
        self._memory.address_behaviours[address] = str(play["behaviour"])

    def _remember(self, school_id: str, student_id: str, parent: dict[str, Any]) -> None:
        phone = not parent.get("email")
        self._memory.parents.append(SeenParent(school_id, student_id, parent["parent_id"], phone))

    def _pick_school(self) -> str:
        return self._dice.choice(self._memory.schools)

    def _pick_parent(self) -> SeenParent | None:
        return self._dice.choice(self._memory.parents) if self._memory.parents else None
