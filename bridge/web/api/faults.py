"""The messages about invalid fields, by the kind of error that validation reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_unicode": "must be a text in UTF-8",
    "string_pattern_mismatch": "does not have the expected form; see the API reference",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "timezone_aware": "must be a time with an offset, such as 2026-11-26T09:30:00Z",
    "datetime_type": "must be a time such as 2026-11-26T09:30:00Z",
    "datetime_parsing": "must be a time such as 2026-11-26T09:30:00Z",
    "datetime_from_date_parsing": "must be a time such as 2026-11-26T09:30:00Z",
    "datetime_object_invalid": "must be a time such as 2026-11-26T09:30:00Z",
}
_WITH_BOUNDS = {
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be one of: {expected}",
    "enum": "must be one of: {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}
_OTHER = "is not valid; see the API reference"


def sentence_of(fault: Mapping[str, Any]) -> str:
    """Return what to change in a field; our own validators provide their own message."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _WITH_BOUNDS:
        shown = {name: _without_quotes(value) for name, value in context.items()}
        sentence = _WITH_BOUNDS[kind].format_map(shown)
        return sentence.removesuffix("s") if sentence.endswith((" 1 characters", " 1 items")) else sentence
    return _SENTENCES.get(kind, _OTHER)


def _without_quotes(value: Any) -> Any:
    return value.replace("'", "").replace(" or ", ", ") if isinstance(value, str) else value
