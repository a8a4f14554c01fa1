"""Quoted-printable encoding (RFC 2045, 6.7) in two steps: first of characters, then of lines."""

from __future__ import annotations

LINE_LIMIT = 76
_LITERAL = "".join(map(chr, (9, *range(32, 127)))).replace("=", "")
_CODES = {byte: chr(byte) if chr(byte) in _LITERAL else f"={byte:02X}" for byte in range(256)}
_BLANKS = (" ", "\t")


def quote(text: str) -> str:
    """Encode the characters of a part of a line. Encoded parts may be joined before `fold`."""
    if text.isascii() and text.isprintable() and "=" not in text:
        return text
    return text.encode().decode("latin-1").translate(_CODES)


def fold(quoted: str) -> str:
    """Return an encoded line with its line end, with soft line breaks where the email package has them.

    A break is never inserted within an encoded character.
    """
    if quoted.endswith(_BLANKS):
        quoted = f"{quoted[:-1]}={ord(quoted[-1]):02X}"
    if len(quoted) <= LINE_LIMIT:
        return quoted + "\r\n"
    pieces, start = [], 0
    while len(quoted) - start > LINE_LIMIT:
        stop = start + LINE_LIMIT - 1
        if quoted[stop - 2] == "=":
            stop -= 2
        elif quoted[stop - 1] == "=":
            stop -= 1
        pieces.append(quoted[start:stop])
        start = stop
    return "=\r\n".join([*pieces, quoted[start:]]) + "\r\n"
