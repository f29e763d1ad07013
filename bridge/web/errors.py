"""Responses for errors: problem+json for programs, pages for people."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, has_app_context, render_template, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, default_exceptions

from bridge.domain import errors
from bridge.domain.accounts import merging
from bridge.domain.metering import errors as metering_errors
from bridge.domain.orders import errors as order_errors
from bridge.domain.shop import authorization, connect_codes
from bridge.domain.shop import errors as shop_errors
from bridge.runtime import runtime

log = logging.getLogger(__name__)

STATUS: dict[type[errors.BridgeError], int] = {
    errors.InvalidRequest: 422,
    errors.MalformedBody: 400,
    errors.BodyTooLarge: 413,
    errors.UnsupportedBody: 415,
    errors.RequestTimedOut: 408,
    errors.NotFound: 404,
    errors.StoreExists: 409,
    errors.EndpointDisabled: 409,
    errors.TooManyEndpoints: 409,
    errors.KeyNameTaken: 409,
    errors.KeyReplaced: 409,
    errors.AddressRefused: 409,
    errors.LastAdmin: 409,
    errors.StoreInUse: 409,
    errors.TryRemovalAgain: 409,
    errors.AdminExists: 409,
    errors.NotSignedIn: 401,
    errors.NotAllowed: 403,
    errors.BadSignature: 401,
    errors.SiteNotLinked: 409,
    errors.LinkCodeUsed: 409,
    authorization.KeyRequestOver: 410,
    connect_codes.ConnectCodeUsed: 409,
    connect_codes.ConnectCodeExpired: 410,
    connect_codes.OtherSite: 409,
    shop_errors.CheckRunning: 429,
    errors.TooManyGuesses: 429,
    errors.TooManyLinkCodes: 429,
    errors.TooManySignIns: 429,
    errors.TooManyPasses: 429,
    errors.KeyRequired: 400,
    errors.KeyInvalid: 400,
    errors.KeyReused: 422,
    errors.BalanceChanged: 409,
    merging.AlreadyMerged: 409,
    merging.UserErased: 409,
    errors.OrderHasCustomer: 409,
    order_errors.LineHasAmount: 409,
    order_errors.RefundsChanged: 409,
    order_errors.ReviewChanged: 409,
    order_errors.NoOpenRefunds: 409,
    errors.NoShopKeys: 409,
    errors.BalanceOutOfRange: 422,
    metering_errors.HoldCaptured: 409,
    metering_errors.HoldReleased: 409,
    metering_errors.HoldReleasedBefore: 409,
    metering_errors.RefundTooLarge: 422,
    metering_errors.NotASpend: 422,
    metering_errors.TooManyUnits: 422,
    metering_errors.TooManyUnknownIds: 429,
    metering_errors.UseOutOfRange: 422,
    errors.Unavailable: 503,
    errors.ShopUnreachable: 502,
    errors.BadSetting: 503,
}
"""The HTTP status of each error class; the nearest base class counts."""

_BY_HAND = (
    (
        "insufficient_tokens",
        402,
        "The account cannot pay. Nothing was charged. `resets_at` and `purchase_url` say what helps.",
    ),
    ("site_cap_reached", 402, "The request would exceed the linked site's monthly cap. Nothing was charged."),
    (
        "confirmation_required",
        402,
        "The user wants to confirm before tokens of the balance are taken. Nothing was charged. Send the same request"
        " with `confirmed: true` once they have.",
    ),
    (
        "module_disabled",
        403,
        "The user's role may not use the module for free, and no other source can pay. Nothing was charged.",
    ),
    ("internal_error", 500, "The service failed, and the failure was logged. Retry with the same Idempotency-Key."),
)
"""The codes of refusals and failures, which have no error class."""
_STATUS_BY_HAND = {code: status for code, status, _ in _BY_HAND}

RETRY_AFTER_SECONDS = 2

_BUYER_PATHS = ("/account", "/widget")
_MACHINE_PATHS = ("/v1/", "/webhooks/", "/connect/", "/healthz", "/readyz", "/metrics")


def is_for_machines(path: str) -> bool:
    """Return whether programs call this path and get JSON; every other path is a page."""
    return path.startswith(_MACHINE_PATHS) and path != "/v1/docs"


def status_of(error: errors.BridgeError) -> int:
    """Return the HTTP status of an error."""
    return status_of_class(type(error))


def status_of_class(error: type[errors.BridgeError]) -> int:
    """Return the HTTP status of an error class."""
    return next((STATUS[kind] for kind in error.__mro__ if kind in STATUS), 500)


def status_of_code(code: str) -> int:
    """Return the HTTP status of a code that no error class has, such as a refusal's."""
    return _STATUS_BY_HAND[code]


class ProblemKind(NamedTuple):
    """One code of a problem+json response, with its status and meaning."""

    code: str
    status: int
    meaning: str


def problem_kinds() -> list[ProblemKind]:
    """Return every error code of the API, in alphabetical order."""
    meanings: dict[str, ProblemKind] = {}
    for status, kind in sorted(default_exceptions.items()):
        meanings[_http_code(kind())] = ProblemKind(_http_code(kind()), status, kind.description or kind().name)
    http_codes = set(meanings)
    for error in _subclasses(errors.BridgeError):
        known = meanings.get(error.code)
        meaning = (error.__doc__ or "").splitlines()[0]
        # If a class of ours has the code of a plain HTTP error, its own text counts.
        if known is None or known.code in http_codes:
            meanings[error.code] = ProblemKind(error.code, status_of_class(error), meaning)
    meanings |= {kind[0]: ProblemKind(*kind) for kind in _BY_HAND}
    return [meanings[code] for code in sorted(meanings)]


def _subclasses(kind: type[errors.BridgeError]) -> Iterator[type[errors.BridgeError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def problem_type(code: str) -> str:
    """Return the URL of a code's description in the API reference; a path outside an app context."""
    origin = runtime().config.public_url if has_app_context() else ""
    return f"{origin}/v1/docs#{code}"


def problem_document(
    status: int, code: str, detail: str, *, fields: tuple[errors.FieldError, ...] = (), title: str = ""
) -> dict[str, Any]:
    """Return the body of a problem+json response."""
    document: dict[str, Any] = {
        "type": problem_type(code),
        "title": title or code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if fields:
        document["errors"] = [{"field": error.field, "message": error.message} for error in fields]
    return document


def document_of(error: errors.BridgeError) -> dict[str, Any]:
    """Return an error as a JSON document, for an item of a batch."""
    return problem_document(status_of(error), error.code, _detail(error), fields=error.fields)


def problem(
    status: int, code: str, detail: str, *, fields: tuple[errors.FieldError, ...] = (), title: str = ""
) -> Response:
    """Return a problem+json response."""
    document = problem_document(status, code, detail, fields=fields, title=title)
    response = Response(json.dumps(document), status=status, content_type="application/problem+json")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response


def install(app: Flask) -> None:
    """Handle every error of the app in the caller's format."""
    app.register_error_handler(errors.BridgeError, _bridge_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    app.after_request(_name_no_host)


def _bridge_error(error: errors.BridgeError) -> Response:
    status = status_of(error)
    if status >= 500:
        log.warning("%s %s: %s", request.method, request.path, error.detail, exc_info=error.__cause__)
    response = _answer(status, error.code, _detail(error), fields=error.fields)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _detail(error: errors.BridgeError) -> str:
    if error.fields and error.detail == (type(error).__doc__ or "").splitlines()[0]:
        return "; ".join(f"{field.field}: {field.message}" for field in error.fields)
    return error.detail


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return Response(error.get_response().get_data(), status=error.code or 500, headers=error.get_headers())
    response = _answer(error.code, _http_code(error), error.description or error.name)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _name_no_host(response: Response) -> Response:
    """Redirect to a path without a host: the caller chose the host, and a cache may store the response."""
    if response.status_code == 308:
        target = urlsplit(response.location or "/")
        path = urlunsplit(("", "", f"/{target.path.lstrip('/')}", target.query, ""))
        response = Response(status=308, headers={"Location": path}, content_type="text/plain; charset=utf-8")
    return response


def _http_code(error: HTTPException) -> str:
    return (error.name or "error").casefold().replace(" ", "_").replace("'", "")


def _unexpected(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(500, "internal_error", "The service failed. The failure was logged; try again later.")


def _answer(status: int, code: str, detail: str, *, fields: tuple[errors.FieldError, ...] = ()) -> Response:
    if is_for_machines(request.path):
        return problem(status, code, detail, fields=fields)
    if request_ctx.url_adapter is None:
        # The Host header is not a valid host, so a page could not link to other pages.
        return Response(f"{detail}\n", status=status, content_type="text/plain; charset=utf-8")
    # A buyer has no console to go to.
    template = "portal/error.html" if request.path.startswith(_BUYER_PATHS) else "error.html"
    page = render_template(template, status=status, detail=detail)
    response = Response(page, status=status, content_type="text/html; charset=utf-8")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
