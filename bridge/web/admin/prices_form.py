"""The form of an operation's price: what was typed, and the operation it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.pricing import Operation
from bridge.services.admin.price_settings import NEW, version_of
from bridge.web.admin.typed_tokens import read_tokens
from bridge.web.api.limits import OperationIn, operation_key

_FIELDS = ("key", "module", "tokens_per_unit", "max_units", "parts")
_EITHER = "Enter tokens per unit, or the operations it is made of; not both."


@dataclass(slots=True)
class PriceForm:
    """The fields as they were typed; `version` is that of the operation that was shown, `errors` is by field."""

    key: str = ""
    version: str = NEW
    module: str = ""
    tokens_per_unit: str = ""
    max_units: str = ""
    parts: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Return whether the form adds an operation."""
        return self.version == NEW

    def note(self, error: InvalidRequest) -> None:
        """Put the errors of a refused operation beside the fields."""
        for fault in error.fields or (FieldError("form", error.detail),):
            name = fault.field.partition(".")[0]
            name = "key" if name == "operation" else name if name in _FIELDS else "form"
            self.errors.setdefault(name, f"{fault.message[:1].upper()}{fault.message[1:]}.")


def form_of(operation: Operation) -> PriceForm:
    """Return the form of a stored operation."""
    return PriceForm(
        key=operation.key,
        version=version_of(operation),
        module=operation.module,
        tokens_per_unit="" if operation.parts else str(operation.tokens_per_unit),
        max_units="" if operation.max_units is None else str(operation.max_units),
        parts=", ".join(operation.parts),
    )


def read_form(sent: Mapping[str, str]) -> PriceForm:
    """Return the form that was sent; raises `InvalidRequest` if parts of it are missing."""
    version = sent.get("was")
    if version is None:
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    typed = {name: sent.get(name, "").strip()[:2500] for name in _FIELDS}
    return PriceForm(
        key=typed["key"],
        version=version[:16],
        module=typed["module"],
        tokens_per_unit=typed["tokens_per_unit"],
        max_units=typed["max_units"],
        parts=typed["parts"],
    )


def to_operation(form: PriceForm) -> Operation | None:
    """Return the operation that the form stands for; None if a field is invalid, which gets an error."""
    document: dict[str, object] = {"module": form.module}
    if form.tokens_per_unit:
        document["tokens_per_unit"] = _number(form, "tokens_per_unit", form.tokens_per_unit)
    if form.max_units:
        document["max_units"] = _number(form, "max_units", form.max_units)
    if form.parts:
        document["parts"] = [part for part in re.split(r"[\s,]+", form.parts) if part]
    if bool(form.tokens_per_unit) == bool(form.parts):
        form.errors["tokens_per_unit"] = _EITHER
    try:
        operation_key(form.key)
    except InvalidRequest as error:
        form.note(error)
    if form.errors:
        return None
    try:
        body = OperationIn.read(document)
    except InvalidRequest as error:
        form.note(error)
        return None
    return Operation(form.key, body.module, body.tokens_per_unit or 0, body.max_units, tuple(body.parts or ()))


def _number(form: PriceForm, name: str, text: str) -> int | None:
    found = read_tokens(text, fault="Enter a whole number.")
    if isinstance(found, str):
        form.errors[name] = found
        return None
    return found
