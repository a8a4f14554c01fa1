"""The benchmarks' mail server counts the emails that it accepted."""

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sink import Sink
from bench.unavailable import Unavailable


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with _running(Sink(tmp_path, keep=True)) as running:
        yield running


def _running(sink: Sink) -> Sink:
    try:
        sink.start()
        sink.stop()
    except Unavailable as reason:
        pytest.skip(f"smtp-sink: {reason}")
    return sink


def _send(client: smtplib.SMTP, address: str) -> None:
    client.sendmail("school@example.org", [address], f"To: {address}\r\n\r\nHello\r\n")


def test_an_email_is_counted_before_its_sender_gets_the_response(sink: Sink) -> None:
    assert sink.count() == 0
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        for number in range(1, 301):
            _send(client, f"parent-{number}@example.org")
            assert sink.count() == number
        client.docmd("MAIL", "FROM:<school@example.org>")
        client.docmd("RSET")
    with smtplib.SMTP("127.0.0.1", sink.port):
        pass
    assert sink.count() == 300


def test_times_of_emails_lie_between_sending_and_seeing(sink: Sink) -> None:
    with (
        sink.arrivals(b"single-") as arrivals,
        smtplib.SMTP("127.0.0.1", sink.port) as client,
    ):
        for number in range(50):
            _send(client, f"parent-{number}@example.org")
        before = time.monotonic()
        _send(client, "single-1@example.org")
        counted = sink.wait(51, timeout=30)
        result = arrivals.wait_for("single-1@example.org", within_seconds=30)
    assert sink.time_of(50) <= counted
    assert before <= min(counted, result)
    assert set(arrivals.times) == {"single-1@example.org"}


def test_the_sinks_own_cpu_is_known(sink: Sink) -> None:
    assert sink.cpu_seconds() >= 0
