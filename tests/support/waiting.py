"""Tests of pages wait for what they expect: a value that was read once may be older than the page."""

import ast

from tests.support.architecture import parse

READ_ONCE = frozenset(
    {
        "all_inner_texts",
        "all_text_contents",
        "get_attribute",
        "inner_html",
        "inner_text",
        "input_value",
        "is_checked",
        "is_disabled",
        "is_editable",
        "is_enabled",
        "is_hidden",
        "is_visible",
        "text_content",
    }
)
"""Methods of playwright that return the state of this moment; `count()` without an argument is one more."""


def waiting_faults(path: str, source: str) -> list[str]:
    """Return assertions of tests on a state of a page that was read once: `expect(...)` waits for it."""
    if not path.startswith("tests/"):
        return []
    return [
        f"{path}:{found.lineno} asserts {found.func.attr}(): use playwright's expect(...), which waits"
        for node in ast.walk(parse(source))
        if isinstance(node, ast.Assert)
        for found in ast.walk(node.test)
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and _reads_once(found, found.func.attr)
    ]


def _reads_once(call: ast.Call, name: str) -> bool:
    return name in READ_ONCE or (name == "count" and not call.args and not call.keywords)
