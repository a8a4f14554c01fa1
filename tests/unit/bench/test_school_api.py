"""The benchmark waits for a school of which invitations has no replica yet."""

import httpx

from bench.office import Office


def test_a_school_that_is_not_known_yet_is_waited_for() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            return httpx.Response(201, json={"school_id": "elm"})
        return httpx.Response(404 if len(asked) < 4 else 200, json={})

    office = Office({"roster": "http://roster", "invitations": "http://invitations"}, {})
    office.close()
    office._client = httpx.Client(transport=httpx.MockTransport(answer))
    assert office.school("Elm Grove") == "elm"
    assert asked == ["POST /roster/v1/schools", *["GET /invitations/v1/schools/elm/invitations"] * 3]
