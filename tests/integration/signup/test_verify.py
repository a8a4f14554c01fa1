"""The verification page."""

import httpx
import pytest

from shared.contracts import invitations as facts
from shared.contracts.signup import VerificationSubmitted
from tests.integration.signup.scene import PASSWORD, Family, Scene


async def test_i21_p12_looking_at_links_changes_nothing(school: Scene) -> None:
    family = await school.family()
    verify, join = await school.ask_to_verify(family), await school.invite(await school.family())
    for path in (verify, join):
        for method in ("GET", "HEAD") * 10:
            answer = await school.client.request(method, path, headers={"user-agent": "LinkScanner/1.0"})
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
        assert (await school.client.options(path)).status_code == 405
    assert await school.emitted() == []
    assert await school.rows("SELECT 1 FROM submissions UNION ALL SELECT 1 FROM sessions") == []


async def test_p12_the_button_asks_invitations_to_decide(school: Scene) -> None:
    family = await school.family()
    path = await school.ask_to_verify(family)
    page = await school.client.get(path)
    assert "Elm Grove &lt;Primary&gt;" in page.text
    assert page.text.count("<form") == page.text.count('<form method="post">') == 1

    answer = await school.client.post(path)
    assert answer.status_code == 303
    assert path.rsplit("/", 1)[1] not in answer.headers["location"]
    (message,) = await school.emitted()
    assert isinstance(message, VerificationSubmitted)
    assert (message.invitation_id, message.generation) == (family.invitation_id, 1)

    waiting = await school.client.get(answer.headers["location"])
    assert waiting.status_code == 200
    assert 'http-equiv="refresh"' in waiting.text
    await _verified(school, family)
    done = await school.client.get(answer.headers["location"])
    assert "Thank you, your address is confirmed" in done.text
    assert 'http-equiv="refresh"' not in done.text


async def test_p13_a_second_press_joins_the_first_and_a_later_one_is_told_so(school: Scene) -> None:
    family = await school.family()
    path = await school.ask_to_verify(family)
    answers = [await school.client.post(path), await school.client.post(path)]
    assert len(await school.emitted()) == 1
    await _verified(school, family)
    for answer in answers:
        assert "is confirmed" in (await school.client.get(answer.headers["location"])).text
    later = await school.client.post(path)
    assert later.status_code == 410
    assert "This link has already been used" in later.text
    assert "invitation" in later.text
    assert len(await school.emitted()) == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("expired", "This link has expired"),
        ("replaced", "was replaced by a newer one"),
        ("withdrawn", "This invitation was withdrawn"),
        ("used", "This link has already been used"),
        ("no_access", "This sign-up is not possible"),
    ],
)
async def test_a_refusal_has_its_words(school: Scene, reason: str, words: str) -> None:
    family = await school.family()
    answer = await school.client.post(await school.ask_to_verify(family))
    submission_id = await school.last_submission()
    await school.feed(family.fact(facts.InvitationRefused, submission_id=submission_id, reason=reason))
    page = await school.client.get(answer.headers["location"])
    assert page.status_code == 410
    assert words in page.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "http://kinvite.test", "sec-fetch-site": "same-origin"}, 303),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 303),
        ({"origin": "null"}, 303),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
async def test_a_form_of_another_site_does_nothing(
    school: Scene, headers: dict[str, str], status: int
) -> None:
    path = await school.ask_to_verify(await school.family())
    answer = await school.client.post(path, headers=headers)
    assert answer.status_code == status
    assert len(await school.emitted()) == (status == 303)


async def test_p1_pages_speak_the_parents_language(school: Scene) -> None:
    german = await school.client.get(await school.ask_to_verify(await school.family(language="de")))
    assert '<html lang="de" dir="ltr">' in german.text
    arabic = await school.client.get(await school.ask_to_verify(await school.family(language="ar")))
    assert '<html lang="ar" dir="rtl">' in arabic.text


async def test_i27_pages_keep_the_link_to_themselves(school: Scene) -> None:
    path = await school.invite(await school.family())
    token = path.rsplit("/", 1)[1]
    page = await school.client.get(path)
    assert token not in page.text
    assert "://" not in page.text
    _assert_guarded(page)
    await school.client.post(path, data={"username": "ana", "password": PASSWORD})
    for table in ("outbox", "links", "submissions", "accounts", "results"):
        for row in await school.rows(f'SELECT to_jsonb(t)::text AS row FROM "{table}" t'):
            assert token not in row.row


def _assert_guarded(page: httpx.Response) -> None:
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-frame-options"] == "DENY"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def _verified(school: Scene, family: Family) -> None:
    now = "2026-03-02T12:00:00Z"
    await school.feed(family.fact(facts.ContactVerified, contact_id=family.contact_id, verified_at=now))
