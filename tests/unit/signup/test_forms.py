"""Addresses under which failed attempts are counted, and forms that come from other sites."""

import pytest
from starlette.requests import Request

from services.signup.http.forms import PageError, client_address, refuse_other_sites


def _request(address: str = "192.0.2.7", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (address, 1), "method": "POST", "path": "/"})


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_i30_an_ipv6_network_counts_as_one_address(host: str, counted: str) -> None:
    assert client_address(_request(host)) == counted


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://kinvite.test"},
        {"origin": "http://localhost:8080", "host": "localhost:8080"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_own_forms_pass(headers: dict[str, str]) -> None:
    refuse_other_sites(_request(**headers), "https://kinvite.test")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://kinvite.test.evil.example"},
        {"origin": "https://kinvite.test", "sec_fetch_site": "cross-site"},
        {"origin": "http://[", "host": ""},
        {"origin": "", "host": ""},
        {"origin": "null", "sec_fetch_site": "cross-site"},
    ],
)
def test_forms_of_others_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(PageError) as refused:
        refuse_other_sites(_request(**headers), "https://kinvite.test")
    assert refused.value.status == 403
