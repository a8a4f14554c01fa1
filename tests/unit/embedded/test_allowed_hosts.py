"""Unit tests of the host names that the mailbox answers to."""

from __future__ import annotations

from deploy.embedded.allowed_hosts import allowed_hosts


def test_without_a_public_url_the_mailbox_answers_at_the_address_it_is_bound_to() -> None:
    assert allowed_hosts("http://127.0.0.1:8080", "") == {"localhost", "127.0.0.1", "::1"}
    assert "192.0.2.9" in allowed_hosts("http://192.0.2.9:8080", "192.0.2.9")
    assert "2001:db8::9" in allowed_hosts("http://[2001:db8::9]:8080", "2001:db8::9")
