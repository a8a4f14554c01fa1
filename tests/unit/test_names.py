"""Words that the product does not use, because the field has a standard word for the thing (docs/glossary.md).

Checked are the words of every name that is defined (modules, functions, classes, arguments, variables, attributes), of
docstrings and of comments. Text in `backticks` is code or a wire value, and not checked.

`python -m tests.unit.test_names PATH...` lists what is not right in these files and folders.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PRODUCT = ("deploy", "services", "shared")

# Not used in names, docstrings and comments: the words, and what to write instead.
_EVERYWHERE = {
    "brake brakes": "rate limit, cool-down",
    "bus": "broker",
    "countdown": "threshold wake-up",
    "deputy": "standby relay",
    "desk": "context, limits, link factory (a role is `front_desk`)",
    "ear": "handler, subscription",
    "fact facts": "event",
    "hands": "in-flight messages, capacity",
    "happening happenings": "timeline entry",
    "hear hears heard hearing": "receive, handle, on_notification",
    "hindrance hindrances": "denial reason",
    "letter letters": "message (but: dead letter)",
    "look looks looking": "poll, check, read",
    "mail mails": "email, e-mail message",
    "meanwhile": "concurrently, at the same time",
    "morning mornings": "end of quiet hours",
    "night nights": "quiet hours",
    "office offices": "staff, dashboard, context",
    "outlet outlets": "channel",
    "pupil pupils": "student",
    "say says said saying": "state, print, publish, report",
    "settle settles settled settling": "save, decide, record, align",
    "sought": "lookup, key",
    "stamp stamps stamped": "transition inputs, timestamp",
    "standing": "status",
    "surroundings": "context",
    "tell tells told telling": "notify, publish, emit, report",
    "town": "schools",
    "wish wishes": "request, selection",
}
# Not used in names, where a sentence may need them.
_IN_NAMES = {
    "ask asks asking": "query, request, acquire",
    "scene": "driver",
    "week weeks": "validity period, expiry",
}
# Names of variables and arguments that say nothing about what they hold.
_VARIABLES = frozenset(
    ("asked", "each", "found", "kept", "known", "made", "mine", "one", "others", "ours", "said", "told")
)
# Standard terms that contain one of the words.
_TERMS = re.compile(
    r"dead letters?|(?:capital|first|small) letters?|front desk|looks? like|look(?:s|ing)? up"
    r"|e-?mail|mail (?:from|servers?|transfer)"
)
# (Start of the path, word) -> the reason why the word may stand there.
_ALLOWED: dict[tuple[str, str], str] = {}

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_CODE = re.compile(r"`[^`]*`|\b\w+(?:[_.]\w+|\()|https?://\S+")
_COMMENT = re.compile(r"(?:^\s*|  )# (.*)$", re.MULTILINE)
_IN_TEXT = {word: better for words, better in _EVERYWHERE.items() for word in words.split()}
_IN_NAME = _IN_TEXT | {word: better for words, better in _IN_NAMES.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Misuse:
    """A word where it should not be."""

    path: Path
    line: int
    word: str
    where: str

    def __str__(self) -> str:
        better = "name what it holds" if self.where.startswith("variable") else _IN_NAME[self.word]
        return f"{self.path}:{self.line}: {self.word!r} in {self.where} (better: {better})"


@pytest.mark.parametrize("root", _PRODUCT)
def test_the_product_uses_the_standard_words(root: str) -> None:
    misuses = [str(misuse) for misuse in check([_ROOT / root], _ROOT)]
    assert not misuses, f"{len(misuses)} words that are not standard:\n" + "\n".join(misuses[:200])


def test_every_allowed_word_still_occurs() -> None:
    paths = [_ROOT / start for start, _ in _ALLOWED]
    used = {allowed for misuse in _misuses(paths, _ROOT) if (allowed := _allowed(misuse))}
    assert used == set(_ALLOWED)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def settle_all(): ...", ["settle"]),
        ("class InvitationFact: ...", ["fact"]),
        ("class HTTPDesk: ...", ["desk"]),
        ("def f(night, *, told): ...", ["night", "told", "told"]),
        ("for one in rows: self.brakes = one", ["one", "brakes"]),
        ("try: ...\nexcept ValueError as found: ...", ["found"]),
        ("import events as facts", ["facts"]),
        ('"""Tell the office.\n\nIt is `told` nothing."""', ["tell", "office"]),
        ("x = 1  # the bus is gone", ["bus"]),
        ("# pupils", ["pupils"]),
        ("def dead_letters(front_desk, look_up): ...", []),
        ('"""Return the dead letters that the front desk looks up by e-mail."""', []),
        ("def password(timestamp, weekday): x = 'told the pupils'", []),
    ],
)
def test_a_word_is_recognised_in_any_name_and_in_prose(tmp_path: Path, code: str, words: list[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text(code)
    assert sorted(misuse.word for misuse in check([path], tmp_path)) == sorted(words)


def check(paths: Iterable[Path], root: Path) -> list[Misuse]:
    """Return the misuses below `paths` that are not allowed, with paths relative to `root`."""
    return [misuse for misuse in _misuses(paths, root) if not _allowed(misuse)]


def _misuses(paths: Iterable[Path], root: Path) -> Iterator[Misuse]:
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not {"versions", "node_modules"} & set(file.parts):
                shown = file.relative_to(root) if file.is_relative_to(root) else file
                yield from (Misuse(shown, *misuse) for misuse in _misuses_of_file(shown, file.read_text()))


def _allowed(misuse: Misuse) -> tuple[str, str] | None:
    return next(
        (key for key in _ALLOWED if key[1] == misuse.word and str(misuse.path).startswith(key[0])), None
    )


def _misuses_of_file(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    yield from ((1, word, "the module's name") for word in _words_of_name(path.stem))
    for comment in _COMMENT.finditer(text):
        line = text.count("\n", 0, comment.start(1)) + 1
        yield from ((line, word, "a comment") for word in _words_of_prose(comment[1]))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            line = 1 if isinstance(node, ast.Module) else node.lineno
            yield from (
                (line, word, "a docstring") for word in _words_of_prose(ast.get_docstring(node, clean=False))
            )
        for name, is_variable in _names(node):
            line = getattr(node, "lineno", 1)
            yield from ((line, word, f"the name {name}") for word in _words_of_name(name))
            if is_variable and name in _VARIABLES:
                yield line, name, "variable"


def _names(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield the names that a node defines, and whether each is a variable."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, False
        case ast.Attribute(attr=name, ctx=ast.Store()) | ast.alias(asname=str(name)):
            yield name, False
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
            yield name, True
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, True
        case _:
            pass


def _words_of_name(name: str) -> list[str]:
    words = " ".join(_PART.findall(name)).lower()
    return [word for word in _TERMS.sub("", words).split() if word in _IN_NAME]


def _words_of_prose(text: str | None) -> list[str]:
    prose = _TERMS.sub("", _CODE.sub("", text.lower())) if text else ""
    return [word for word in _WORD.findall(prose) if word in _IN_TEXT]


def main() -> int:
    """Print what is not right below the paths of the command line, and counts by word and by folder."""
    misuses = check([Path(argument) for argument in sys.argv[1:] or _PRODUCT], Path.cwd())
    lines = [str(misuse) for misuse in misuses]
    by_word = Counter(
        f"{misuse.word} (variable)" if misuse.where == "variable" else misuse.word for misuse in misuses
    )
    lines += ["", *(f"{count:5} {word}" for word, count in by_word.most_common()), ""]
    by_folder = Counter("/".join(misuse.path.parts[:2]) for misuse in misuses)
    lines += [f"{count:5} {folder}" for folder, count in by_folder.most_common()]
    sys.stdout.write("\n".join([*lines, f"{len(misuses):5} in all", ""]))
    return 1 if misuses else 0


if __name__ == "__main__":
    sys.exit(main())
