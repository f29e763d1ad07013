"""Descriptions of the fields of requests and responses, read from the source when the OpenAPI document is built.

pydantic can read them itself, but does so for each class when it is defined. That was 40 % of the time in which the
service and each of its commands start.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class DescribedModel(BaseModel):
    """A model whose fields are described by the docstrings below them."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the model with a description for each field that has a docstring."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in descriptions_of(cls).items():
            field = cls.model_fields.get(name)
            if field is not None:
                properties[field.alias or name].setdefault("description", text)
        return schema


@cache
def descriptions_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings of a model's fields, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        found.update(_texts_of(base.__module__).get(base.__qualname__.partition("[")[0], {}))
    return found


@cache
def _texts_of(module: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of all fields of a module's classes, by the name of the class."""
    if not module.startswith("bridge."):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_described(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _described(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in zip(node.body, node.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as found)):
                yield name, inspect.cleandoc(found)
