"""Code of the product that nothing in it uses, found by vulture."""

import re
from collections.abc import Mapping
from pathlib import Path

from vulture import Vulture

from tests.support.architecture import is_product

CONFIDENCE = 60
CERTAIN = 80
"""Above this confidence, vulture also reports variables, which are often the fields of a row or a document."""
CALLED_BY_DECORATORS = [
    "@*bp.*",
    "@root.*",
    "@command*",
    "@*.command*",
    "@click.*",
    "@compiles*",
    "@*validator*",
]
CALLED_BY_LIBRARIES = frozenset(
    {
        "_API__request",
        "_init_shared_socket",
        "_new_conn",
        "against",
        "create_worker",
        "dst",
        "ensure_sync",
        "fromutc",
        "get_from_hint_text",
        "get_next_fire_time",
        "get_redirect_target",
        "get_wsgi_headers",
        "load_dialect_impl",
        "model_parametrized_name",
        "process_result_value",
        "resp",
        "self_group",
        "tzname",
        "utcoffset",
    }
)
"""Names that Flask, Granian, urllib3, requests, woocommerce, SQLAlchemy, Pydantic and APScheduler look up."""
READ_BY_TESTS: frozenset[str] = frozenset()
"""State that only tests can observe."""


def dead_code_faults(sources: Mapping[str, str], *, known: frozenset[str]) -> list[str]:
    """Return functions, classes, methods, properties, imports and arguments that the product does not use."""
    return [fault for name, fault in list_unused(sources) if name not in known]


def list_unused(sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the name of each of them, and the fault it is unless something else uses it."""
    vulture = Vulture(ignore_decorators=CALLED_BY_DECORATORS)
    in_templates: set[str] = set()
    for path, source in sources.items():
        if is_product(path):
            vulture.scan(source, Path(path))
        elif path.startswith("templates/"):
            in_templates.update(re.findall(r"\w+", source))
    return [
        (item.name, f"{item.filename}:{item.first_lineno} {item.typ} {item.name} is never used: remove it")
        for item in vulture.get_unused_code(CONFIDENCE)
        if (item.typ not in {"variable", "attribute"} or item.confidence >= CERTAIN) and item.name not in in_templates
    ]
