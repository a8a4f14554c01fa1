"""The benchmark waits for a school of which invitations has no replica yet."""

import httpx

from bench.school_api import SchoolApi


def test_a_school_that_is_not_known_yet_is_waited_for() -> None:
    requests: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            return httpx.Response(201, json={"school_id": "elm"})
        return httpx.Response(404 if len(requests) < 4 else 200, json={})

    api = SchoolApi({"roster": "http://roster", "invitations": "http://invitations"}, {})
    api.close()
    api._client = httpx.Client(transport=httpx.MockTransport(answer))
    assert api.school("Elm Grove") == "elm"
    assert requests == ["POST /roster/v1/schools", *["GET /invitations/v1/schools/elm/invitations"] * 3]
