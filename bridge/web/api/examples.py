"""Examples of responses, composed from the examples of their properties."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return an example of a model; a property without an example and a default is composed from its type."""
    return {
        field.alias or name: _example(field)
        for name, field in model.model_fields.items()
        if field.examples or field.is_required()
    }


def _example(field: FieldInfo) -> Any:
    return field.examples[0] if field.examples else _of_type(field.annotation)


def _of_type(annotation: Any) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        found = next((extra for extra in arguments[1:] if isinstance(extra, FieldInfo) and extra.examples), None)
        return found.examples[0] if found is not None and found.examples else _of_type(arguments[0])
    if origin in {typing.Union, types.UnionType}:
        return _of_type(arguments[0])
    if origin is list:
        return [_of_type(arguments[0])]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example_of(annotation)
    raise TypeError(f"{annotation} has no example")
