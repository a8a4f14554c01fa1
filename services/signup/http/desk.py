"""What the pages work with, and the words for the state of a link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from services.signup.domain.accounts import username_key
from services.signup.domain.links import Link, LinkState, Purpose
from services.signup.http.forms import PageError, client_address
from services.signup.http.pages import Pages
from services.signup.service import links
from services.signup.service.decision_watch import DecisionWatch
from services.signup.service.passwords import Passwords
from services.signup.service.verify import Dead, Submitted
from services.signup.settings import Settings
from shared.runtime.database import Database

_LOOK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts that every page needs."""

    settings: Settings
    database: Database
    pages: Pages
    passwords: Passwords
    decisions: DecisionWatch

    async def find_link(self, request: Request, purpose: Purpose, token: str) -> tuple[Link, LinkState]:
        """The genuine link with its state now.

        An unknown one is looked for again until a fixed moment, since the message may be faster than our copy; then
        every unknown link gets the same answer: PageError 404. Wrong ones are limited per address: PageError 429.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.unknown_link_wait_seconds
        found = await self._look(purpose, token)
        if found is not None:
            return found
        await self.count_wrong_guess(request)
        while (left := deadline - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_AGAIN_SECONDS))
            if loop.time() < deadline:
                found = await self._look(purpose, token)
            if found is not None:
                await self._forgive(request)
                return found
        raise PageError(404, "unknown_link")

    async def count_wrong_guess(self, request: Request) -> None:
        """Count a wrong link or password; raises PageError 429 when the address has made too many."""
        limit = self.settings.wrong_guesses_per_10_minutes
        async with self.database.transaction(schools=()) as transaction:
            await links.record_wrong_guess(transaction, client_address(request))
            too_many = await links.too_many_guesses(transaction, client_address(request), limit)
        if too_many:
            raise PageError(429, "too_many", {"retry-after": "600"})

    async def brake_passwords(self, request: Request, username: str) -> None:
        """Count a password for this username before it is checked, so that parallel ones cannot pass; PageError 429."""
        limit, pair = self.settings.wrong_passwords_per_10_minutes, _pair(request, username)
        async with self.database.transaction(schools=()) as transaction:
            await links.record_wrong_guess(transaction, pair)
            too_many = await links.too_many_guesses(transaction, pair, limit)
            if too_many:
                await links.forgive_wrong_guess(transaction, pair)
        if too_many:
            raise PageError(429, "too_many", {"retry-after": "600"})

    async def forgive_password(self, request: Request, username: str) -> None:
        """It was the right one."""
        async with self.database.transaction(schools=()) as transaction:
            await links.forgive_wrong_guess(transaction, _pair(request, username))

    async def _forgive(self, request: Request) -> None:
        async with self.database.transaction(schools=()) as transaction:
            await links.forgive_wrong_guess(transaction, client_address(request))

    async def _look(self, purpose: Purpose, token: str) -> tuple[Link, LinkState] | None:
        async with self.database.transaction(schools=links.schools_of(token)) as transaction:
            link = await links.find_link(transaction, purpose, token)
            return None if link is None else (link, link.state(transaction.now))

    def dead_link(self, request: Request, link: Link, state: LinkState) -> Response:
        """The page of a genuine link that does nothing any more. It names nobody."""
        return self.dead_page(
            request,
            dead_key(link.purpose, state),
            language=link.language,
            offers_fresh=link.offers_fresh(state),
            offers_sign_in=link.signed_up,
        )

    async def after_press(self, request: Request, outcome: Submitted | Dead) -> Response:
        """Wait a little for the decision, then lead to the result page, whose address says nothing of the link."""
        if isinstance(outcome, Dead):
            if outcome.link is None:
                raise PageError(404, "unknown_link")
            return self.dead_link(request, outcome.link, outcome.state)
        await self.decisions.wait(outcome.submission_id, self.settings.decision_wait_seconds)
        return RedirectResponse(f"/signup/result/{outcome.result}", 303, {"cache-control": "no-store"})

    def dead_page(
        self,
        request: Request,
        key: str,
        *,
        language: str | None,
        offers_fresh: bool = False,
        offers_sign_in: bool = False,
    ) -> Response:
        """410 with the words of `key`, and the next step."""
        return self.pages.render(
            request,
            "dead.html",
            410,
            language=language,
            key=key,
            offers_fresh=offers_fresh,
            offers_sign_in=offers_sign_in,
        )


def dead_key(purpose: Purpose, state: LinkState) -> str:
    """The key of a dead link's texts; a used link reads differently for verifying and for joining."""
    return f"dead.used_{purpose.value}" if state is LinkState.USED else f"dead.{state.value}"


def _pair(request: Request, username: str) -> str:
    return f"{client_address(request)} {username_key(username)}"
