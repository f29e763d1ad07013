"""A form as a browser without scripts sends it: also its selects, text areas, and only the boxes that are checked."""

from __future__ import annotations

from werkzeug.test import TestResponse

from tests.support.markup import Markup
from tests.support.pages import Form


class _Fields(Markup):
    def __init__(self, part: str) -> None:
        self.part = part
        self.form: Form | None = None
        self._is_open = False
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_open = self.form is None and self.part in values.get("action", "")
            if self._is_open:
                self.form = Form(values["action"])
        if not self._is_open or self.form is None or "disabled" in values:
            return
        fields = self.form.fields
        if tag == "input" and "name" in values:
            if values.get("type") not in {"radio", "checkbox"} or "checked" in values:
                fields[values["name"]] = values.get("value", "")
        elif tag == "textarea":
            self._area = values["name"]
            fields[self._area] = ""
        elif tag == "select":
            self._select = values["name"]
        elif tag == "option" and self._select is not None and ("selected" in values or self._select not in fields):
            fields[self._select] = values.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area is not None and self.form is not None:
            self.form.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_open = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None


def read_form(response: TestResponse, part: str) -> Form:
    """Return the first form whose address contains this part, with the values that a browser sends."""
    fields = _Fields(part)
    fields.feed(response.get_data(as_text=True))
    assert fields.form is not None, f"no form leads to {part}"
    return fields.form
