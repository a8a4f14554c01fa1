"""Quoted-printable encoding in two steps gives what the email package writes in one."""

from __future__ import annotations

from email import quoprimime
from quopri import decodestring

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifier.channels.email.quoted_printable import fold, quote

_PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=120)


@given(parts=st.lists(_PARTS, min_size=1, max_size=4))
@example(parts=["a" * 74, "ü" * 40])
@example(parts=["a" * 75, "=", "b"])
@example(parts=["x" * 76])
@example(parts=["x" * 77])
def test_parts_put_together_are_the_line_that_the_email_package_writes(parts: list[str]) -> None:
    line = "".join(parts).rstrip(" \t")
    room = len(line)
    cut = []
    for part in parts:
        cut.append(part[:room])
        room -= len(cut[-1])
    expected = quoprimime.body_encode(line.encode().decode("latin-1"), 76, "\r\n") + "\r\n"
    assert fold("".join(map(quote, cut))) == expected


@pytest.mark.parametrize("line", ["", " ", "\t", "a ", "x" * 75 + " ", "x" * 76 + "\t", "ü" * 30 + " "])
def test_a_blank_at_the_end_of_a_line_survives(line: str) -> None:
    folded = fold(quote(line))
    assert decodestring(folded).decode() == line + "\r\n"
    assert all(len(piece) <= 76 and not piece.endswith((" ", "\t")) for piece in folded.split("\r\n"))
