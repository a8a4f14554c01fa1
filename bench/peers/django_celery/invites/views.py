"""Views of the peer's web process."""

import csv
import json
from collections.abc import Iterator

from django.http import HttpRequest, JsonResponse

from invites.inviting import invite


def invite_one(request: HttpRequest) -> JsonResponse:
    """Invite the parent of the request."""
    parent = json.loads(request.body)
    return JsonResponse({"invited": invite([(parent["name"], parent["email"])])}, status=202)


def invite_all(request: HttpRequest) -> JsonResponse:
    """Invite all parents of an uploaded CSV, which is read as it arrives."""
    return JsonResponse({"invited": invite(_people(request))}, status=202)


def _people(request: HttpRequest) -> Iterator[tuple[str, str]]:
    for row in csv.DictReader(line.decode() for line in request):
        yield row["father_name"], row["parents_email"]
