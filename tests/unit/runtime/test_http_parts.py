"""Problems, tokens for the API, cursors, trace context, settings, logs: the small parts of the frame."""

from __future__ import annotations

import json
import logging
import time
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.core import (
    Backoff,
    ConfigurationError,
    Rejected,
    ServiceSettings,
    Transient,
    is_transient,
    load_settings,
)
from shared.runtime.observability import Health, configure_logging, current_traceparent, get_logger, traced
from shared.runtime.observability.tracing import child_traceparent, trace_id
from shared.runtime.web import (
    Problem,
    Unauthenticated,
    decode_cursor,
    encode_cursor,
    keyed_request,
    mint_token,
    verify_token,
)
from shared.runtime.web.bearer_auth import ALL_RIGHTS, TOKEN_PREFIX

SECRET = "s" * 40


def test_a_token_comes_back_as_its_principal() -> None:
    school = uuid4()
    token = mint_token(SECRET, schools=frozenset({school}), rights=frozenset({"roster:read"}), actor="a feed")
    principal = verify_token(SECRET, token)
    assert principal.sees(school)
    assert not principal.sees(uuid4())
    assert principal.may("roster:read")
    assert not principal.may("roster:write")
    everywhere = verify_token(SECRET, mint_token(SECRET, schools=None, rights=ALL_RIGHTS, actor="operator"))
    assert everywhere.sees(uuid4())
    assert everywhere.may("roster:write")


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t[len(TOKEN_PREFIX) :], lambda _: "", lambda t: t + "x"]
)
def test_a_spoiled_token_is_no_token(spoil: object) -> None:
    token = mint_token(SECRET, schools=None, rights=ALL_RIGHTS, actor="operator")
    with pytest.raises(Unauthenticated):
        verify_token(SECRET, spoil(token))  # type: ignore[operator]


def test_tokens_of_another_installation_or_time_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = mint_token(SECRET, schools=None, rights=ALL_RIGHTS, actor="operator", lifetime_seconds=60)
    with pytest.raises(Unauthenticated):
        verify_token("t" * 40, token)
    verify_token(SECRET, token)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated):
        verify_token(SECRET, token)


@given(st.text(max_size=30), st.integers(-(2**60), 2**60))
def test_cursors_come_back(text: str, number: int) -> None:
    text = text.replace("\x00", "")
    assert decode_cursor(encode_cursor(text, number), str, int) == [text, number]


@given(st.text(max_size=40))
def test_rubbish_cursors_are_a_400(text: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_cursor(text, str, str, str, int)
    assert caught.value.status == 400


def test_trace_context_is_kept_and_rubbish_replaced() -> None:
    given_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with traced(given_parent):
        assert trace_id() == "0af7651916cd43dd8448eb211c80319c"
        assert current_traceparent() != given_parent
    assert current_traceparent() is None
    for rubbish in (None, "", "00-zz", f"00-{'0' * 32}-{'1' * 16}-01"):
        fresh = child_traceparent(rubbish)
        assert len(fresh.split("-")[1]) == 32
        assert fresh.split("-")[1] != "0" * 32


def test_failures_have_their_names() -> None:
    assert all(is_transient(error) for error in (Transient(), OSError(), TimeoutError()))
    assert not any(is_transient(error) for error in (Rejected("bad"), ValueError(), KeyError()))


def test_backoff_doubles_up_to_its_limit() -> None:
    backoff = Backoff(first=1.0, longest=4.0)
    bounds = [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (2.0, 4.0)]
    for low, high in bounds:
        assert low <= backoff.delay() <= high
    backoff.reset()
    assert backoff.delay() <= 1.0


def test_keys_that_differ_are_refused_and_bodies_are_compared_by_value() -> None:
    principal = verify_token(SECRET, mint_token(SECRET, schools=None, rights=ALL_RIGHTS, actor="operator"))
    with pytest.raises(Problem) as caught:
        keyed_request(principal, "route", "a", "b", {})
    assert caught.value.status == 400
    assert keyed_request(principal, "route", None, None, {}) is None
    one = keyed_request(principal, "route", "a", None, {"x": 1, "y": 2})
    two = keyed_request(principal, "route", None, "a", {"y": 2, "x": 1})
    assert one == two
    with pytest.raises(Problem):
        keyed_request(principal, "route", "a" * 201, None, {})


def test_a_silent_loop_makes_the_service_unready() -> None:
    health = Health()
    loop = health.loop("relay.single")
    assert health.problems() == {"relay.single": "starting"}
    loop.beat()
    assert health.problems() == {}
    loop.beaten_at -= 61
    assert "relay.single" in health.problems()
    assert health.dead() == []
    loop.beaten_at -= 300
    assert health.dead() == ["relay.single"]
    loop.degrade("database does not answer")
    assert health.dead() == []
    health.check("lag", lambda: "records wait")
    assert health.problems()["lag"] == "records wait"


def test_wrong_settings_are_all_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KINVITE_DATABASE_URL", "KINVITE_KAFKA_BOOTSTRAP", "KINVITE_TOKEN_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KINVITE_PUBLIC_URL", "school.example")
    monkeypatch.setenv("KINVITE_AUTH_SECRET", "too short")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(ServiceSettings)
    text = str(caught.value)
    for name in (
        "KINVITE_DATABASE_URL",
        "KINVITE_KAFKA_BOOTSTRAP",
        "KINVITE_PUBLIC_URL",
        "KINVITE_AUTH_SECRET",
    ):
        assert name in text
    assert "too short" not in text


def test_i41_exceptions_are_logged_without_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("roster", "info")
    try:
        try:
            raise ValueError("ada@family.example")
        except ValueError as error:
            get_logger("http").error("request.failed", exc_info=error)
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
            lost = f"Task exception was never retrieved\nfuture: <Task exception={error!r}>"
            logging.getLogger("asyncio").error(lost, exc_info=error)
            logging.getLogger("uvicorn.error").error(
                'Traceback:\n  File "x.py", line 1\nValueError: ada@family.example'
            )
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["error"] for line in lines] == ["ValueError"] * 4
        assert lines[2]["event"] == "Task exception was never retrieved"
        assert lines[3]["frames"] == ['File "x.py", line 1']
        assert "ada@family.example" not in json.dumps(lines)
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers = []


def test_i18_what_is_mortal_is_asked_at_every_probe() -> None:
    health = Health()
    answers = iter((False, True))
    health.mortal("consumer.roster.on-signup", lambda: next(answers))
    assert health.dead() == []
    assert health.dead() == ["consumer.roster.on-signup"]
