"""Links that are dead, and links that were never sent."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from shared.contracts import invitations
from shared.contracts.signup import FreshLinkRequested
from tests.integration.signup.driver import PASSWORD, SignupDriver, open_driver, settings_for
from tests.support.waiting import clear_of_the_end, eventually

FORM = {"username": "ana.silva", "password": PASSWORD}
NOW = "2026-03-02T12:00:00Z"
EXPIRED = timedelta(seconds=-1)


async def _assert_dead(signup: SignupDriver, path: str, words: str) -> str:
    emitted = await signup.list_emitted()
    for method in ("GET", "HEAD", "POST"):
        answer = await signup.client.request(method, path, data=FORM if method == "POST" else None)
        assert answer.status_code == 410
        assert "set-cookie" not in answer.headers
    page = (await signup.client.get(path)).text.partition("</style>")[2]
    assert words in page
    for secret in ("Ada", "Example", "Mia", "3b", "Elm Grove", "@", "ana"):
        assert secret not in page
    assert await signup.list_emitted() == emitted
    return page


async def test_p3_an_expired_link_is_refused_with_no_sweeper_at_work(signup: SignupDriver) -> None:
    parent = await signup.add_parent(student_name="Mia")
    page = await _assert_dead(signup, await signup.invite(parent, lifetime=EXPIRED), "This link has expired")
    assert "Send me a fresh link" in page
    await _assert_dead(
        signup, await signup.request_verification(parent, lifetime=EXPIRED), "This link has expired"
    )


async def test_p3_i22_a_form_opened_before_expiry_and_posted_after_is_refused(signup: SignupDriver) -> None:
    path = await signup.invite(await signup.add_parent())
    assert (await signup.client.get(path)).status_code == 200
    async with signup.database.transaction() as tx:
        await tx.execute("UPDATE links SET expires_at = now() - interval '1 microsecond'")
    await _assert_dead(signup, path, "This link has expired")


async def test_p3_an_announced_expiry_has_its_page(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.invite(parent)
    await signup.consume(parent.event(invitations.InvitationExpired, expired_at=NOW))
    await _assert_dead(signup, path, "This link has expired")


async def test_i23_the_newest_link_wins(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    old_verify, old_join = await signup.request_verification(parent), await signup.invite(parent)
    new = await signup.invite(parent, again=True)
    for old in (old_verify, old_join):
        page = await _assert_dead(signup, old, "This link was replaced by a newer one")
        assert "Send me a fresh link" in page
    assert (await signup.client.post(new, data=FORM)).status_code == 303
    await signup.accept(parent, await signup.last_submission_id())
    page = (await signup.client.get(old_join)).text
    assert "This link was replaced by a newer one" in page
    assert "please sign in" in page


async def test_a_withdrawn_link_has_its_page(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.invite(parent)
    await signup.consume(parent.event(invitations.InvitationWithdrawn, withdrawn_at=NOW))
    assert "Send me a fresh link" in await _assert_dead(signup, path, "This invitation was withdrawn")


async def test_i24_a_link_without_access_left_is_dead_and_offers_nothing(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.invite(parent)
    await signup.consume(parent.event(invitations.InvitationBlocked, reason="no right of access is left"))
    assert "Send me a fresh link" not in await _assert_dead(signup, path, "This invitation was withdrawn")
    assert (await signup.client.post(path, data={"fresh_link": "1"})).status_code == 410
    assert await signup.list_emitted() == []


async def test_a_new_link_is_requested_from_invitations_and_no_address_is_shown(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.invite(parent, lifetime=EXPIRED)
    answers = [await signup.client.post(path, data={"fresh_link": "1"}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert "the contact that the school has on file" in answers[0].text
    assert "@" not in answers[0].text.partition("</style>")[2]
    (message,) = await signup.list_emitted()
    assert isinstance(message, FreshLinkRequested)
    assert (message.invitation_id, message.generation) == (parent.invitation_id, 1)


async def test_a_live_or_used_link_requests_nothing(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    live = await signup.invite(parent)
    assert (await signup.client.post(live, data={"fresh_link": "1"})).status_code == 422
    used = await signup.sign_up(await signup.add_parent(), "ana.silva")
    before = await signup.list_emitted()
    assert (await signup.client.post(used, data={"fresh_link": "1"})).status_code == 410
    assert await signup.list_emitted() == before


async def test_i29_made_up_tampered_and_purged_links_get_the_same_page(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    join = await signup.invite(parent)
    token = join.rsplit("/", 1)[1]
    purged = await signup.invite(await signup.add_parent())
    async with signup.database.transaction() as tx:
        await tx.execute("DELETE FROM links WHERE invitation_id <> :id", {"id": parent.invitation_id})
    paths = [
        "/join/AAAAAAAAAAAAAAAAAAAAAA",
        f"/join/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        f"/join/{token}x",
        f"/join/{token}/",
        f"/join/{token.swapcase()}",
        f"/verify/{token}",
        purged,
        "/join/x",
        "/join/%00",
        "/join/%ff%fe",
        "/join/..%2f..%2fetc%2fpasswd",
        "/join/a/b/c",
        "/join/" + "x" * 4_000,
    ]
    answers = [await signup.client.get(path) for path in paths]
    answers += [await signup.client.post(path, data=FORM) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert {(await signup.client.head(path)).status_code for path in paths} == {404}


async def test_i29_every_unknown_link_takes_the_same_time(database_url: str) -> None:
    async with open_driver(settings_for(database_url, unknown_link_wait_seconds=0.5)) as signup:
        token = (await signup.invite(await signup.add_parent())).rsplit("/", 1)[1]
        seconds: dict[str, list[float]] = {f"/join/{token[:-1]}~": [], "/join/x": []}
        for _ in range(4):
            for path, times in seconds.items():
                began = time.perf_counter()
                await signup.client.get(path)
                times.append(time.perf_counter() - began)
        tampered, made_up = (min(times) for times in seconds.values())
        assert min(tampered, made_up) >= 0.5
        assert abs(tampered - made_up) < 0.25


async def test_a_link_that_is_faster_than_its_event_is_found(database_url: str) -> None:
    async with open_driver(settings_for(database_url, unknown_link_wait_seconds=20.0)) as signup:

        async def count_attempts() -> int:
            (row,) = await signup.rows("SELECT coalesce(sum(guesses), 0) AS count FROM wrong_guesses")
            return int(row.count)

        async def attempt_is_counted() -> None:
            assert await count_attempts() == 1

        parent = await signup.add_parent()
        request = asyncio.create_task(signup.client.get("/join/a-token-on-its-way"))
        await eventually(attempt_is_counted)
        await signup.invite(parent, token="a-token-on-its-way")
        assert (await asyncio.wait_for(request, 30)).status_code == 200
        assert await count_attempts() == 0


async def test_i30_guessing_ends_but_right_links_are_never_limited(database_url: str) -> None:
    async with open_driver(settings_for(database_url)) as signup:
        live = await signup.invite(await signup.add_parent())
        dead = await signup.invite(await signup.add_parent(), lifetime=EXPIRED)
        await clear_of_the_end(600)
        wrong = [(await signup.client.get(f"/join/guess{number}")).status_code for number in range(101)]
        assert wrong == [404] * 100 + [429]
        limited = await signup.client.post("/verify/guess", data={})
        assert limited.status_code == 429
        assert limited.headers["retry-after"] == "600"
        assert (await signup.client.get(live)).status_code == 200
        assert (await signup.client.get(dead)).status_code == 410
        assert (await signup.client.post(live, data=FORM)).status_code == 303
    async with open_driver(settings_for(database_url), address="192.0.2.8") as elsewhere:
        assert (await elsewhere.client.get("/join/guess")).status_code == 404
    async with open_driver(settings_for(database_url)) as later:
        async with later.database.transaction() as tx:
            await tx.execute("UPDATE wrong_guesses SET period_start = period_start - interval '20 minutes'")
        assert (await later.client.get("/join/guess")).status_code == 404


async def test_i30_addresses_are_not_stored(signup: SignupDriver) -> None:
    await signup.client.get("/join/guess")
    (row,) = await signup.rows("SELECT to_jsonb(t)::text AS text FROM wrong_guesses t")
    assert "192.0.2.7" not in row.text


@pytest.mark.parametrize("path", ["/join", "/verify"])
async def test_without_a_link_the_page_explains_where_links_come_from(
    signup: SignupDriver, path: str
) -> None:
    answer = await signup.client.get(path)
    assert answer.status_code == 200
    assert "Your school sends you a message with a personal link" in answer.text
    assert "<form" not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "/join/x", 405), ("GET", "/account/x", 404)])
async def test_what_is_not_there_is_a_page_too(
    signup: SignupDriver, method: str, path: str, status: int
) -> None:
    answer = await signup.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
