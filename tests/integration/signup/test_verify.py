"""The verification page."""

from __future__ import annotations

import httpx
import pytest

from shared.contracts import invitations
from shared.contracts.signup import VerificationSubmitted
from tests.integration.signup.builders import ParentRecord
from tests.integration.signup.driver import PASSWORD, SignupDriver


async def test_i21_p12_opening_links_changes_nothing(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    verify, join = await signup.request_verification(parent), await signup.invite(await signup.add_parent())
    for path in (verify, join):
        for method in ("GET", "HEAD") * 10:
            answer = await signup.client.request(method, path, headers={"user-agent": "LinkScanner/1.0"})
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
        assert (await signup.client.options(path)).status_code == 405
    assert await signup.list_emitted() == []
    assert await signup.rows("SELECT 1 FROM submissions UNION ALL SELECT 1 FROM sessions") == []


async def test_p12_the_button_submits_a_verification_to_invitations(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.request_verification(parent)
    page = await signup.client.get(path)
    assert "Elm Grove &lt;Primary&gt;" in page.text
    assert page.text.count("<form") == page.text.count('<form method="post">') == 1

    answer = await signup.client.post(path)
    assert answer.status_code == 303
    assert path.rsplit("/", 1)[1] not in answer.headers["location"]
    (message,) = await signup.list_emitted()
    assert isinstance(message, VerificationSubmitted)
    assert (message.invitation_id, message.generation) == (parent.invitation_id, 1)

    waiting = await signup.client.get(answer.headers["location"])
    assert waiting.status_code == 200
    assert 'http-equiv="refresh"' in waiting.text
    await _verified(signup, parent)
    done = await signup.client.get(answer.headers["location"])
    assert "Thank you, your address is confirmed" in done.text
    assert 'http-equiv="refresh"' not in done.text


async def test_a_second_press_joins_the_first_and_a_later_one_is_refused(signup: SignupDriver) -> None:
    parent = await signup.add_parent()
    path = await signup.request_verification(parent)
    answers = [await signup.client.post(path), await signup.client.post(path)]
    assert len(await signup.list_emitted()) == 1
    await _verified(signup, parent)
    for answer in answers:
        assert "is confirmed" in (await signup.client.get(answer.headers["location"])).text
    later = await signup.client.post(path)
    assert later.status_code == 410
    assert "This link has already been used" in later.text
    assert "invitation" in later.text
    assert len(await signup.list_emitted()) == 1


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
async def test_a_refusal_has_its_text(signup: SignupDriver, reason: str, words: str) -> None:
    parent = await signup.add_parent()
    answer = await signup.client.post(await signup.request_verification(parent))
    submission_id = await signup.last_submission_id()
    await signup.consume(
        parent.event(invitations.InvitationRefused, submission_id=submission_id, reason=reason)
    )
    page = await signup.client.get(answer.headers["location"])
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
    signup: SignupDriver, headers: dict[str, str], status: int
) -> None:
    path = await signup.request_verification(await signup.add_parent())
    answer = await signup.client.post(path, headers=headers)
    assert answer.status_code == status
    assert len(await signup.list_emitted()) == (status == 303)


async def test_pages_are_in_the_language_of_the_parent(signup: SignupDriver) -> None:
    german = await signup.client.get(
        await signup.request_verification(await signup.add_parent(language="de"))
    )
    assert '<html lang="de" dir="ltr">' in german.text
    arabic = await signup.client.get(
        await signup.request_verification(await signup.add_parent(language="ar"))
    )
    assert '<html lang="ar" dir="rtl">' in arabic.text


async def test_i27_pages_do_not_contain_the_link(signup: SignupDriver) -> None:
    path = await signup.invite(await signup.add_parent())
    token = path.rsplit("/", 1)[1]
    page = await signup.client.get(path)
    assert token not in page.text
    assert "://" not in page.text
    _assert_guarded(page)
    await signup.client.post(path, data={"username": "ana", "password": PASSWORD})
    for table in ("outbox", "links", "submissions", "accounts", "results"):
        for row in await signup.rows(f'SELECT to_jsonb(t)::text AS row FROM "{table}" t'):
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


async def _verified(signup: SignupDriver, parent: ParentRecord) -> None:
    now = "2026-03-02T12:00:00Z"
    await signup.consume(
        parent.event(invitations.ContactVerified, contact_id=parent.contact_id, verified_at=now)
    )
