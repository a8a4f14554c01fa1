"""Every route of every service for whoever has no token, no session and no link, or a forged one.

What a valid token of another school reaches is proved for the same routes in tests/integration/tenancy.
"""

from __future__ import annotations

import httpx
import pytest

from shared.runtime.web import mint_token
from shared.runtime.web.bearer_auth import ALL_RIGHTS
from tests.integration.tenancy.routes import Operation
from tests.security.installation import PUBLIC, SCHOOL_FIRST, Installation, made_up_ids
from tests.support.apps import AUTH_SECRET, bearer

# Answers by the kind of caller. A page that needs a session leads to the sign-in.
_REFUSALS = {
    "api_client": {401},
    "staff": {303, 401, 403, 404},
    "parent": {303, 400, 401, 403, 404, 410, 422, 429},
    "provider": {403, 404},
    "anybody": {503},  # not ready, without a broker
}
_SIGN_INS = ("/admin/login", "/login", "/admin/logout", "/admin/schools")
pytestmark = pytest.mark.asyncio(loop_scope="module")


def _is_refused(operation: Operation, answer: httpx.Response) -> bool:
    assert operation.caller is not None
    # Open point of docs/security.md: an unknown school is 404 before the token is looked at.
    if operation.name in SCHOOL_FIRST and answer.status_code == 404:
        return True
    if answer.status_code not in _REFUSALS[operation.caller]:
        return False
    if answer.status_code != 303:
        return True
    return answer.headers["location"].partition("?")[0].startswith(_SIGN_INS)


async def test_without_credentials_only_the_listed_routes_answer(installation: Installation) -> None:
    wrong, seen = [], 0
    for client, operation in installation.each():
        client.cookies.clear()
        answer = await operation.send(client, made_up_ids(operation))
        seen += 1
        public = operation.name in PUBLIC and answer.status_code in (200, 503)
        if not public and not _is_refused(operation, answer):
            wrong.append(f"{operation.name}: {answer.status_code} {answer.headers.get('location', '')}")
    assert seen > 100
    assert not wrong, "\n".join(wrong)


async def test_every_public_route_exists(installation: Installation) -> None:
    names = {operation.name for _, operation in installation.each()}
    assert not PUBLIC - names


def _forged() -> dict[str, str]:
    good = bearer()["Authorization"].removeprefix("Bearer ")
    half = len(good) // 2
    other = mint_token("another secret that is long enough", schools=None, rights=ALL_RIGHTS, actor="x")
    return {
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "empty": "Bearer ",
        "junk": "Bearer kv1_AAAA.BBBB",
        "another secret": f"Bearer {other}",
        "cut off": f"Bearer {good[:-3]}",
        "one letter changed": f"Bearer {good[:half]}{'A' if good[half] != 'A' else 'B'}{good[half + 1 :]}",
        "long": "Bearer kv1_" + "A" * 8_000,
        "not ASCII": "Bearer kv1_\u00ff",
        "two": f"Bearer {other} {good}",
    }


@pytest.mark.parametrize("name", _forged())
async def test_a_forged_token_opens_no_route(installation: Installation, name: str) -> None:
    header, wrong = _forged()[name].encode("latin-1"), []
    for client, operation in installation.each_quick():
        if operation.caller != "api_client":
            continue
        client.headers = httpx.Headers([(b"authorization", header)])
        answer = await operation.send(client, made_up_ids(operation))
        if not _is_refused(operation, answer):
            wrong.append(f"{operation.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_a_token_is_no_session_and_a_session_is_no_token(installation: Installation) -> None:
    wrong = []
    for client, operation in installation.each_quick():
        client.cookies.clear()
        client.headers = httpx.Headers()
        if operation.caller == "staff":
            client.headers = httpx.Headers(bearer())
        elif operation.caller == "api_client":
            token = bearer()["Authorization"].removeprefix("Bearer ")
            client.headers = httpx.Headers({"Cookie": f"session={token}; kinvite={token}; token={token}"})
        else:
            continue
        answer = await operation.send(client, made_up_ids(operation))
        if operation.name not in PUBLIC and not _is_refused(operation, answer):
            wrong.append(f"{operation.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_a_token_with_no_right_opens_no_route(installation: Installation) -> None:
    wrong = []
    token = mint_token(AUTH_SECRET, schools=None, rights=frozenset(), actor="nobody")
    for client, operation in installation.each_quick():
        if operation.caller != "api_client":
            continue
        client.headers = httpx.Headers({"Authorization": f"Bearer {token}"})
        answer = await operation.send(client, made_up_ids(operation))
        if answer.status_code not in (401, 403, 404):
            wrong.append(f"{operation.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
