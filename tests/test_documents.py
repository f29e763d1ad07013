"""The documents list every command, setting, review item and decision record."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bridge.cli.base import Group
from bridge.cli.commands import COMMANDS
from bridge.config import Config
from bridge.domain.errors import BridgeError
from bridge.domain.orders.review_items import Question

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
_NOT_OF_THE_API = frozenset(
    {
        "address_refused",
        "admin_exists",
        "backup_failed",
        "bad_setting",
        "bad_shop_address",
        "error",
        "internal_error",
        "key_request_over",
        "last_admin",
        "store_exists",
        "store_in_use",
        "too_many_sign_ins",
        "try_again",
        "try_removal_again",
        "unknown_access_key",
        "unknown_admin",
        "unknown_delivery",
        "unknown_key_request",
        "unknown_store",
    }
)
"""Codes that only commands and pages meet."""
_BANNED = re.compile(r"\b(?:nobody|somebody|whoever|anew|thereby|lest)\b", re.IGNORECASE)


def read(name: str) -> str:
    """Return the text of a document of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> set[str]:
    """Return every command as it is typed after `flask`."""
    return {
        f"{command.name} {sub}" for command in COMMANDS if isinstance(command, Group) for sub in command.commands
    } | {str(command.name) for command in COMMANDS if not isinstance(command, Group)}


def documented_commands(table: str) -> set[str]:
    """Return the commands of the first column; a word alone belongs to the group named before it."""
    groups = {str(command.name) for command in COMMANDS if isinstance(command, Group)}
    found: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        group = ""
        for code in re.findall(r"`([^`]+)`", row):
            words = code.split()
            if words[0] in groups:
                group = words[0]
                found.add(" ".join(words[:2]))
            else:
                found.add(f"{group} {words[0]}".strip())
    return found


def test_reference_lists_every_command():
    assert documented_commands(read("docs/reference/commands.md")) == commands()


def test_settings_and_the_example_list_every_setting():
    source = read("bridge/config.py") + read("bridge/logs.py")
    known = set(re.findall(r"BRIDGE_[A-Z_]+[A-Z]", source))

    assert len(known) >= len(fields(Config)) - 3
    assert set(re.findall(r"^\| `(BRIDGE_[A-Z_]+)`", read("docs/reference/settings.md"), re.MULTILINE)) == known
    assert set(re.findall(r"^# (BRIDGE_[A-Z_]+)=", read(".env.example"), re.MULTILINE)) == known


def test_decision_records_have_numbers_of_their_own():
    names = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))
    numbers = [name[:4] for name in names]

    assert len(set(numbers)) == len(numbers)
    for name in names:
        assert read(f"docs/decisions/{name}").startswith(f"# {name[:4]} ")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_between_documents_lead_somewhere(path):
    path = ROOT / path
    text = path.read_text(encoding="utf-8")
    for label, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), f"{path.name} links to {target}"
        if re.fullmatch(r"\d{4}", label):
            assert found.name.startswith(label), f"{path.name} calls {target} {label}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_name_files_and_functions_that_exist(path):
    text = read(path)
    for name in re.findall(r"`((?:bridge|schedulers|fakeshop|bench|tests)/[\w/]+\.py)`", text):
        assert (ROOT / name).is_file(), f"{path} names {name}"
    for function, name in re.findall(r"`(\w+)` in `((?:bridge|schedulers|fakeshop|bench|tests)/[\w/]+\.py)`", text):
        assert re.search(rf"\b(?:def|class) {function}\b", read(name)), f"{path} names {function} in {name}"


def test_reference_lists_every_error_code_of_our_own():
    own = {error.code for error in _subclasses(BridgeError)} - _NOT_OF_THE_API
    text = read("docs/reference/errors.md")

    assert not [code for code in sorted(own) if f"`{code}`" not in text and not code.startswith("shop_")]


def _subclasses(kind: type[BridgeError]) -> Iterator[type[BridgeError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def test_every_document_is_in_the_index():
    index = read("docs/README.md")
    for path in (ROOT / "docs").glob("*/*.md"):
        if path.parent.name != "decisions":
            assert f"({path.parent.name}/{path.name})" in index, f"docs/README.md does not list {path.name}"


def test_reference_lists_every_review_item():
    table = read("docs/reference/review-items.md")
    assert not [kind for kind in Question if kind and f"`{kind.value}`" not in table]


def test_every_situation_names_tests_that_exist():
    lines = read("docs/reference/situations.md").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.endswith(("--- |", "| tested by |"))]
    assert len(rows) > 40

    for row in rows:
        file, names = "", re.findall(r"`([\w/.…]+)::(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert names, f"no test is named in {row}"
        for path, name in names:
            file = file if path == "…" else path
            source = ROOT / "tests" / file
            assert source.is_file(), f"tests/{file} does not exist"
            assert f"\ndef {name}(" in source.read_text(encoding="utf-8"), f"tests/{file} has no {name}"


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_avoid_words_that_are_hard_to_read(path):
    if path != "docs/style.md":
        assert not _BANNED.findall(read(path))
