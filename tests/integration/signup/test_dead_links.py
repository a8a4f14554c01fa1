"""Links that do nothing any more, and links that nobody ever sent."""

import asyncio
import time
from datetime import timedelta

import pytest

from shared.contracts import invitations as facts
from shared.contracts.signup import FreshLinkRequested
from tests.integration.signup.scene import PASSWORD, Scene, scene, settings_for
from tests.support.waiting import clear_of_the_end, eventually

FORM = {"username": "ana.silva", "password": PASSWORD}
NOW = "2026-03-02T12:00:00Z"
GONE = timedelta(seconds=-1)


async def _assert_dead(school: Scene, path: str, words: str) -> str:
    emitted = await school.emitted()
    for method in ("GET", "HEAD", "POST"):
        answer = await school.client.request(method, path, data=FORM if method == "POST" else None)
        assert answer.status_code == 410
        assert "set-cookie" not in answer.headers
    page = (await school.client.get(path)).text.partition("</style>")[2]
    assert words in page
    for secret in ("Ada", "Example", "Mia", "3b", "Elm Grove", "@", "ana"):
        assert secret not in page
    assert await school.emitted() == emitted
    return page


async def test_p3_an_expired_link_is_refused_with_no_sweeper_at_work(school: Scene) -> None:
    family = await school.family(child="Mia")
    page = await _assert_dead(school, await school.invite(family, lives=GONE), "This link has expired")
    assert "Send me a fresh link" in page
    await _assert_dead(school, await school.ask_to_verify(family, lives=GONE), "This link has expired")


async def test_p3_i22_a_form_opened_before_expiry_and_posted_after_is_refused(school: Scene) -> None:
    path = await school.invite(await school.family())
    assert (await school.client.get(path)).status_code == 200
    async with school.database.transaction() as transaction:
        await transaction.execute("UPDATE links SET expires_at = now() - interval '1 microsecond'")
    await _assert_dead(school, path, "This link has expired")


async def test_p3_an_announced_expiry_has_its_page(school: Scene) -> None:
    family = await school.family()
    path = await school.invite(family)
    await school.feed(family.fact(facts.InvitationExpired, expired_at=NOW))
    await _assert_dead(school, path, "This link has expired")


async def test_p4_p11_i23_the_newest_link_wins(school: Scene) -> None:
    family = await school.family()
    old_verify, old_join = await school.ask_to_verify(family), await school.invite(family)
    new = await school.invite(family, again=True)
    for old in (old_verify, old_join):
        page = await _assert_dead(school, old, "This link was replaced by a newer one")
        assert "Send me a fresh link" in page
    assert (await school.client.post(new, data=FORM)).status_code == 303
    await school.accept(family, await school.last_submission())
    page = (await school.client.get(old_join)).text
    assert "This link was replaced by a newer one" in page
    assert "please sign in" in page


async def test_a_withdrawn_link_has_its_page(school: Scene) -> None:
    family = await school.family()
    path = await school.invite(family)
    await school.feed(family.fact(facts.InvitationWithdrawn, withdrawn_at=NOW))
    assert "Send me a fresh link" in await _assert_dead(school, path, "This invitation was withdrawn")


async def test_i24_a_link_without_access_left_is_dead_and_offers_nothing(school: Scene) -> None:
    family = await school.family()
    path = await school.invite(family)
    await school.feed(family.fact(facts.InvitationBlocked, reason="no right of access is left"))
    assert "Send me a fresh link" not in await _assert_dead(school, path, "This invitation was withdrawn")
    assert (await school.client.post(path, data={"fresh_link": "1"})).status_code == 410
    assert await school.emitted() == []


async def test_a_fresh_link_is_asked_of_invitations_and_no_address_is_shown(school: Scene) -> None:
    family = await school.family()
    path = await school.invite(family, lives=GONE)
    answers = [await school.client.post(path, data={"fresh_link": "1"}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert "the contact that the school has on file" in answers[0].text
    assert "@" not in answers[0].text.partition("</style>")[2]
    (message,) = await school.emitted()
    assert isinstance(message, FreshLinkRequested)
    assert (message.invitation_id, message.generation) == (family.invitation_id, 1)


async def test_a_live_or_used_link_asks_for_nothing(school: Scene) -> None:
    family = await school.family()
    live = await school.invite(family)
    assert (await school.client.post(live, data={"fresh_link": "1"})).status_code == 422
    used = await school.signed_up(await school.family(), "ana.silva")
    before = await school.emitted()
    assert (await school.client.post(used, data={"fresh_link": "1"})).status_code == 410
    assert await school.emitted() == before


async def test_i29_made_up_tampered_and_purged_links_look_the_same(school: Scene) -> None:
    family = await school.family()
    join = await school.invite(family)
    token = join.rsplit("/", 1)[1]
    purged = await school.invite(await school.family())
    async with school.database.transaction() as transaction:
        await transaction.execute(
            "DELETE FROM links WHERE invitation_id <> :id", {"id": family.invitation_id}
        )
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
    answers = [await school.client.get(path) for path in paths]
    answers += [await school.client.post(path, data=FORM) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert {(await school.client.head(path)).status_code for path in paths} == {404}


async def test_i29_every_unknown_link_takes_the_same_time(database_url: str) -> None:
    async with scene(settings_for(database_url, unknown_link_wait_seconds=0.5)) as school:
        token = (await school.invite(await school.family())).rsplit("/", 1)[1]
        seconds: dict[str, list[float]] = {f"/join/{token[:-1]}~": [], "/join/x": []}
        for _ in range(4):
            for path, times in seconds.items():
                began = time.perf_counter()
                await school.client.get(path)
                times.append(time.perf_counter() - began)
        tampered, made_up = (min(times) for times in seconds.values())
        assert min(tampered, made_up) >= 0.5
        assert abs(tampered - made_up) < 0.25


async def test_a_link_that_is_faster_than_its_fact_is_found(database_url: str) -> None:
    async with scene(settings_for(database_url, unknown_link_wait_seconds=20.0)) as school:

        async def guesses() -> int:
            (row,) = await school.rows("SELECT coalesce(sum(guesses), 0) AS count FROM wrong_guesses")
            return int(row.count)

        async def looked_once() -> None:
            assert await guesses() == 1

        family = await school.family()
        looking = asyncio.create_task(school.client.get("/join/a-token-on-its-way"))
        await eventually(looked_once)
        await school.invite(family, token="a-token-on-its-way")
        assert (await asyncio.wait_for(looking, 30)).status_code == 200
        assert await guesses() == 0


async def test_i30_guessing_ends_but_right_links_are_never_limited(database_url: str) -> None:
    async with scene(settings_for(database_url)) as school:
        live = await school.invite(await school.family())
        dead = await school.invite(await school.family(), lives=GONE)
        await clear_of_the_end(600)
        wrong = [(await school.client.get(f"/join/guess{number}")).status_code for number in range(101)]
        assert wrong == [404] * 100 + [429]
        limited = await school.client.post("/verify/guess", data={})
        assert limited.status_code == 429
        assert limited.headers["retry-after"] == "600"
        assert (await school.client.get(live)).status_code == 200
        assert (await school.client.get(dead)).status_code == 410
        assert (await school.client.post(live, data=FORM)).status_code == 303
    async with scene(settings_for(database_url), address="192.0.2.8") as elsewhere:
        assert (await elsewhere.client.get("/join/guess")).status_code == 404
    async with scene(settings_for(database_url)) as later:
        async with later.database.transaction() as transaction:
            await transaction.execute(
                "UPDATE wrong_guesses SET period_start = period_start - interval '20 minutes'"
            )
        assert (await later.client.get("/join/guess")).status_code == 404


async def test_i30_addresses_are_not_stored(school: Scene) -> None:
    await school.client.get("/join/guess")
    (row,) = await school.rows("SELECT to_jsonb(t)::text AS text FROM wrong_guesses t")
    assert "192.0.2.7" not in row.text


@pytest.mark.parametrize("path", ["/join", "/verify"])
async def test_without_a_link_the_page_explains_where_links_come_from(school: Scene, path: str) -> None:
    answer = await school.client.get(path)
    assert answer.status_code == 200
    assert "Your school sends you a message with a personal link" in answer.text
    assert "<form" not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "/join/x", 405), ("GET", "/account/x", 404)])
async def test_what_is_not_there_is_a_page_too(school: Scene, method: str, path: str, status: int) -> None:
    answer = await school.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
