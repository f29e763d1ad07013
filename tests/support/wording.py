"""The rules of docs/style.md about words, as functions from a path and its text to the faults found in it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from tests.support.architecture import is_product, parse

# Written apart, so that this file has none of them.
_BANNED = re.compile(rf"(?<![a-z])({'|'.join(('nobody', 'somebody', 'whoever', 'anew', 'thereby', 'lest'))})(?![a-z])")
_QUESTION = re.compile(r"(What|Who|Whose|Whoever|Whether|Somebody|Everybody|Nobody)\b")
_BESIDE = ("tests/", "fakeshop/", "bench/")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

ALLOWED: dict[str, int] = {}
"""Banned words that are left, by directory. Only lower these numbers; remove a directory that has none."""

OLD_WORDS = frozenset(
    {
        "astray",
        "books",
        "deed",
        "desk",
        "desks",
        "door",
        "doors",
        "learn",
        "learnt",
        "purse",
        "purses",
        "rulebook",
        "rulebooks",
        "shelf",
        "shelves",
        "sighting",
        "sightings",
        "standings",
        "stranger",
        "strangers",
        "sweep",
        "swept",
        "tell",
        "told",
        "unanswered",
        "verdict",
        "verdicts",
    }
)
"""Words that no identifier may contain: docs/style.md has a term for each."""
OLD_NAMES = frozenset({"Parts", "Tools", "Shift", "Reading", "Post", "Means", "Standing", "Watched", "Bill", "Seen"})
"""Identifiers that were replaced; as part of a longer name the word may be right."""
OLD_TEST_WORDS = OLD_WORDS | {
    *("book", "deeds", "ear", "ears", "goods", "hear", "heard", "hears", "knock", "knocks", "sweeping", "sweeps"),
    *("telling", "tells", "walk", "walks"),
}
"""Words that no identifier of the tests, the fake shop and the benchmarks may contain."""
OLD_TEST_NAMES = OLD_NAMES | {
    *("Asked", "Books", "Gate", "Hands", "People", "Rig", "Shelves", "Sickness", "Spares", "Upkeep"),
}
"""Identifiers that were replaced there."""
LIBRARY_NAMES = frozenset({"walk"})
"""Names of the standard library."""
STORED_NAMES = frozenset({"swept_at", "swept_to"})
"""Columns, which keep their names."""


def banned_words(path: str, source: str) -> list[str]:
    """Each banned word of a template, or of the identifiers and docstrings of a module: `path:line word`."""
    if path.startswith("templates/"):
        return [f"{path}:{line} {word}" for line, word in _find(source, 1)]
    if not _is_ours(path):
        return []
    tree = parse(source)
    texts = [*_identifiers(tree), *_docstrings(tree)]
    return [f"{path}:{line} {word}" for start, text in texts for line, word in _find(text, start)]


def allowance_faults(sources: Mapping[str, str], allowed: Mapping[str, int]) -> list[str]:
    """Directories with more banned words than allowed, and those that have fewer by now."""
    return count_faults([use for path, source in sources.items() for use in banned_words(path, source)], allowed)


def count_faults(found: Sequence[str], allowed: Mapping[str, int]) -> list[str]:
    """Return the same for the banned words that were found."""
    counts = Counter(_directory(use.partition(":")[0]) for use in found)
    faults = []
    for directory in sorted(counts.keys() | allowed.keys()):
        count, limit = counts[directory], allowed.get(directory, 0)
        if count > limit:
            uses = ", ".join(use for use in found if _directory(use.partition(":")[0]) == directory)
            faults.append(f"{directory} has {count} banned words, {limit} are allowed: reword one of {uses}")
        elif count < limit or not limit:
            faults.append(f"{directory} has {count} banned words: lower its number in ALLOWED from {limit} to {count}")
    return faults


def old_name_faults(path: str, source: str) -> list[str]:
    """Identifiers in the vocabulary that docs/style.md replaced."""
    if not _is_ours(path):
        return []
    words, names = (OLD_WORDS, OLD_NAMES) if is_product(path) else (OLD_TEST_WORDS, OLD_TEST_NAMES)
    return [
        f"{path}:{line} is called {name}: use the term of docs/style.md"
        for line, name in dict.fromkeys(_identifiers(parse(source)))
        if name not in STORED_NAMES | LIBRARY_NAMES
        and (name in names or words & {word.lower() for word in _WORD.findall(name)})
    ]


def question_faults(path: str, source: str) -> list[str]:
    """Docstrings that begin with a question word or with a person."""
    if not _is_ours(path):
        return []
    return [
        f"{path}:{line} begins with {found[0]}: begin with a verb or a noun"
        for line, text in _docstrings(parse(source))
        if (found := _QUESTION.match(text))
    ]


def _is_ours(path: str) -> bool:
    return path.endswith(".py") and (is_product(path) or path == "conftest.py" or path.startswith(_BESIDE))


def _directory(path: str) -> str:
    return "/".join(PurePosixPath(path).parent.parts[:3])


def _find(text: str, start: int) -> Iterator[tuple[int, str]]:
    for found in _BANNED.finditer(text.lower()):
        yield start + text.count("\n", 0, found.start()), found.group()


def _identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and text of every name that is used or given: variables, attributes, arguments, imports."""
    for node in ast.walk(tree):
        for field in ("name", "id", "attr", "arg", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield getattr(node, "lineno", 1), name


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and text of every string that stands alone, those below a constant or a field too."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
