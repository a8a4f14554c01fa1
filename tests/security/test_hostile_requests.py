"""Requests that try to be read as something else, on every route: headers, paths, methods and values."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.tenancy.routes import Operation
from tests.security.installation import PUBLIC, Installation, made_up_ids
from tests.support.apps import bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")
_EVIL = "evil.example"
_CANARY = "x-canary"
_BREAKS = ("\r\nX-Canary: 1", "%0d%0aX-Canary:%201", "%0aX-Canary:%201", "\u560a\u560dX-Canary: 1")
_PATHS = (
    "/../admin/schools",
    "/roster/../admin/schools",
    "/roster/v1/%2e%2e/%2e%2e/admin/schools",
    "/roster/v1/schools/..%2f..%2fadmin",
    "/roster//v1//schools",
    "//evil.example/roster/v1/schools",
    "/roster/v1/schools;x=1",
    "/roster/v1/schools%00",
    "/roster/v1/schools/%00",
    "/ROSTER/v1/schools",
    "/roster/v1/schools/" + "A" * 20_000,
    "/admin/%2e%2e/roster/v1/schools",
    "/admin/..;/schools",
    "/admin/schools/../../etc/passwd",
    "/admin/office.css/../../../../etc/passwd",
    "/admin/%c0%ae%c0%ae/etc/passwd",
    "/%ff",
)
_METHODS = ("TRACE", "CONNECT", "PUT", "BREW")
_OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
_EXPRESSIONS = ("{{7*191}}", "${7*191}", "#{7*191}", "<%= 7*191 %>", "{% print(7*191) %}", "%{7*191}")
_HOST_HEADERS = (
    "Host",
    "X-Forwarded-Host",
    "X-Forwarded-Server",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Forwarded",
)


def _path_of(operation: Operation) -> str:
    path = operation.path.replace(":path", "")
    return path.format(**made_up_ids(operation))


async def test_no_answer_repeats_a_host_that_the_request_named(installation: Installation) -> None:
    wrong = []
    for client, operation in installation.each_quick():
        for header in _HOST_HEADERS:
            value = f"host={_EVIL}" if header == "Forwarded" else _EVIL
            answer = await client.request(operation.method, _path_of(operation), headers={header: value})
            if _EVIL in str(answer.headers) or _EVIL in answer.text:
                wrong.append(f"{operation.name} with {header}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_no_value_ends_a_header_of_the_answer(installation: Installation) -> None:
    wrong = []
    for client, operation in installation.each_quick():
        for text in _BREAKS:
            ids = {name: text if text.startswith("%") else "x" for name in made_up_ids(operation)}
            path = operation.path.replace(":path", "").format(**ids)
            answer = await client.request(
                operation.method,
                path,
                params={"next": text, "language": text, "q": text},
                headers={"Accept-Language": "de", "Idempotency-Key": "a"},
                data=None if operation.method == "GET" else {"username": text, "email": text, "next": text},
            )
            if _CANARY in answer.headers or (
                answer.status_code >= 500 and not operation.path.endswith("readyz")
            ):
                wrong.append(f"{operation.name} with {text!r}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", _PATHS)
async def test_a_path_in_disguise_reaches_nothing(installation: Installation, path: str) -> None:
    for service, client in installation.clients.items():
        url = httpx.URL("http://kinvite.test", raw_path=path.encode())
        answer = await client.send(httpx.Request("GET", url))
        assert answer.status_code in (301, 303, 307, 308, 400, 401, 403, 404, 405, 414, 422), (
            f"{service}: {answer.status_code}"
        )
        assert "root:" not in answer.text


async def test_a_method_cannot_be_overridden(installation: Installation) -> None:
    """With a token for everything: a GET stays a GET whatever its headers say, and a strange method is refused."""
    names = {operation.name for _, operation in installation.each()}
    wrong = []
    for client, operation in installation.each_quick():
        if operation.caller == "api_client":
            client.headers = httpx.Headers(bearer())
        path = _path_of(operation)
        for method in _METHODS:
            if f"{method} {operation.path}" in names:
                continue
            answer = await client.request(method, path, headers={"X-Secret": "canary-value"})
            if answer.status_code not in (400, 401, 403, 404, 405, 501) or "canary-value" in answer.text:
                wrong.append(f"{method} {operation.path}: {answer.status_code}")
        if operation.method != "GET":
            continue
        plain = await client.get(path)
        for header in _OVERRIDES:
            for method in ("DELETE", "POST"):
                answer = await client.get(path, headers={header: method}, params={"_method": method})
                if answer.status_code not in {plain.status_code, 422}:
                    wrong.append(f"{operation.name} as {method}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


_LARGE = {
    "Cookie": "a=b; " * 5_000,
    "Accept-Language": "de," * 20_000,
    "Idempotency-Key": "A" * 60_000,
    "X-Request-Id": "\u00e9" * 2_000,
}


@pytest.mark.parametrize("header", _LARGE)
async def test_a_large_header_is_no_error(installation: Installation, header: str) -> None:
    wrong = []
    for client, operation in installation.each_quick():
        if operation.path.endswith("readyz"):
            continue
        headers = [(header.encode(), _LARGE[header].encode("latin-1"))]
        answer = await client.request(operation.method, _path_of(operation), headers=headers)
        if answer.status_code >= 500 or (answer.status_code == 200 and operation.name not in PUBLIC):
            wrong.append(f"{operation.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("expression", _EXPRESSIONS)
async def test_a_name_is_no_template(installation: Installation, expression: str) -> None:
    """What is stored under a name comes back as it was written, and a page shows it as text."""
    roster, signup = installation.clients["roster"], installation.clients["signup"]
    school = {"name": f"{expression}<b>", "country": "DE", "language": "en", "timezone": "Europe/Berlin"}
    added = await roster.post(
        "/roster/v1/schools", json={**school, "credentials_mode": "self_service"}, headers=bearer()
    )
    assert added.status_code in (200, 201), added.text
    path = f"/roster/v1/schools/{added.json()['school_id']}"
    read = await roster.get(path, headers=bearer())
    assert read.json()["name"] == school["name"]
    student = await roster.post(f"{path}/students", json={"name": expression}, headers=bearer())
    assert (student.status_code < 300 and "1337" not in student.text) or student.status_code == 422
    page = await signup.post("/login", data={"username": f"{expression}<b>", "password": "wrong password 1"})
    assert "1337" not in page.text
    assert "<b>" not in page.text.replace("&lt;b&gt;", "")
