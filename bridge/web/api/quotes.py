"""The API of quotes, as JSON and as the confirmation step for a page."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from flask import Blueprint, Response, request
from pydantic import AfterValidator, Field

from bridge.domain.accounts.accounts import Visitor, Who
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.errors import (
    OperationAndTokens,
    TooManyItems,
    TooManyUnits,
    UnknownModule,
    UnknownOperation,
)
from bridge.domain.portal.passes import MAX_RETURN_URL
from bridge.services.metering import quotes
from bridge.services.metering.execute import MAX_REQUESTS
from bridge.services.metering.quotes import Quote
from bridge.services.portal import passes
from bridge.web.api.answers.spends import QuoteOut
from bridge.web.api.auth import caller, store_or_site_key
from bridge.web.api.html_answers import html_response, varied, wants_html
from bridge.web.api.operations import operation
from bridge.web.api.parsing import NamedFaults, WhatIn, WhoIn, printable, read_body
from bridge.web.api.quote_documents import quote_document
from bridge.web.api.requests import who_of
from bridge.web.api.responses import json_response
from bridge.web.context import reading, utcnow
from bridge.web.return_links import RETURN_URL
from bridge.web.widget import confirm
from bridge.web.widget import look as look_parameters
from bridge.web.widget.look import read_look, read_url

bp = Blueprint("api_quotes", __name__, url_prefix="/v1")

MAX_FIELDS = 20
_FIELD = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,100}")
_ERRORS = (UnknownOperation, UnknownModule, TooManyUnits, TooManyItems, OperationAndTokens)
_EXAMPLE = {"user": {"id": 42}, "items": [{"module": "chat", "tokens": 120}]}


class QuoteIn(WhoIn):
    """Items to price, up to 1000."""

    named_faults: ClassVar[NamedFaults] = {("items", "too_long"): TooManyItems}
    max_values: ClassVar[int] = 20 * MAX_REQUESTS
    items: Annotated[list[WhatIn], Field(min_length=1, max_length=MAX_REQUESTS)]
    """Up to 1000 items."""


def _field_names(fields: dict[str, Any]) -> dict[str, Any]:
    for name in fields:
        if not _FIELD.fullmatch(name):
            raise ValueError("use names of 1 to 100 letters, digits and . _ : - [ ]")
        if name == "confirmed":
            raise ValueError("confirmed is the name of the button")
    return fields


class ConfirmIn(QuoteIn):
    """Items to confirm, and where the button leads."""

    action: Annotated[str, Field(strict=True, max_length=MAX_RETURN_URL)] | None = None
    """Address that the form is sent to: a path of the page's own site, or a URL on the shop's site or a linked
    site; left out or null, the page that shows it."""
    fields: Annotated[
        dict[str, Annotated[str, Field(strict=True, max_length=2000), AfterValidator(printable)]],
        Field(max_length=MAX_FIELDS, default_factory=dict, examples=[{"job": "17", "_wpnonce": "3f9c0b1a2d"}]),
        AfterValidator(_field_names),
    ]
    """Hidden fields of the form, up to 20."""


@bp.post("/quotes")
@store_or_site_key
@operation(
    "Get a quote",
    tag="Spends",
    answer=QuoteOut,
    body=QuoteIn,
    query=(*look_parameters.PARAMETERS, RETURN_URL),
    errors=_ERRORS,
    example=_EXAMPLE,
    media=("application/json", "text/html"),
)
def quote() -> Response:
    """Return the cost of each item and the sources that would pay. Nothing is charged.

    With `Accept: text/html`, it is the fragment of `POST /v1/confirm`.
    """
    body = read_body(QuoteIn)
    quoted, person = _quote(body)
    if wants_html():
        look = read_look(request.args).over(quoted.policy.store.shortcode)
        card = confirm.confirm_card(quoted, look, is_guest=isinstance(person, Visitor), return_url=_return_url())
        return html_response(confirm.render(card, look), look.language)
    return varied(json_response(quote_document(quoted)))


@bp.post("/confirm")
@store_or_site_key
@operation(
    "Get the confirmation step",
    tag="Widget",
    answer=None,
    body=ConfirmIn,
    query=(*look_parameters.PARAMETERS, RETURN_URL),
    errors=_ERRORS,
    example=_EXAMPLE,
    media=("text/html",),
)
def confirm_run() -> Response:
    """Return a quote as an HTML fragment with a button. Nothing is charged.

    The button sends a form with `confirmed=true` and the hidden fields. It is disabled
    if the items cannot be paid.
    """
    body = read_body(ConfirmIn)
    quoted, person = _quote(body)
    action = _action(body.action or "", person)
    look = read_look(request.args).over(quoted.policy.store.shortcode)
    card = confirm.confirm_card(
        quoted,
        look,
        is_guest=isinstance(person, Visitor),
        action=action,
        fields=body.fields,
        return_url=_return_url(),
    )
    return html_response(confirm.render(card, look), look.language)


def _quote(body: QuoteIn) -> tuple[Quote, Who | None]:
    for position, item in enumerate(body.items):
        item.check(f"items.{position}.")
    who = caller()
    asks = [
        SpendRequest(
            caller=who,
            key=None,
            fingerprint="",
            who=None,
            module=item.module,
            tokens=item.tokens,
            operation=item.operation,
            units=item.quantity or 1,
        )
        for item in body.items
    ]
    person = who_of(body, who)
    with reading() as connection:
        return quotes.quote(connection, who, person, asks, now=utcnow()), person


def _return_url() -> str:
    return read_url(request.args.get("return_url", ""))


def _action(text: str, person: Who | None) -> str:
    """Return where the form is sent to; raises `InvalidRequest` for a place that is not one of the store's own."""
    if not text or (text.startswith("/") and read_url(text)):
        return text
    with reading() as connection:
        fault = passes.return_url_fault(connection, caller(), text, person=person)
    if fault:
        raise InvalidRequest(fields=[FieldError("action", fault)])
    return text
