"""Protection of the pages: headers, cookie options, and a CSRF token in each form."""

from __future__ import annotations

from flask import Flask, Request, Response, current_app, request, session
from flask.globals import request_ctx
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect

from bridge.config import Config
from bridge.domain.errors import BodyTooLarge, InvalidRequest
from bridge.domain.stores.public_address import path_of
from bridge.web.errors import is_for_machines

_CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Their addresses may hold a pass.
_WITHOUT_REFERRER = ("/account", "/widget", "/admin/pass")
_OWN_FORM_KEYS = "portal"
"""The beginning of the blueprints whose forms are checked by its own session, in `bridge/web/portal/sessions.py`."""
_LOST_FORM = (
    "This form has expired, because you signed in or out after opening it. Go back, reload the page and send it again."
)

MAX_QUERY_FIELDS = 200
MAX_FORM_FIELDS = 5000
"""The Exceptions page has a field for each line of an order."""

_csrf = CSRFProtect()


class _Sessions(SecureCookieSessionInterface):
    """Sessions of the pages only. The cookie is TLS-only if the request came over TLS, also behind a trusted proxy."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a page; None on a path for programs, which have none: it stays empty."""
        return None if is_for_machines(request.path) else super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the cookie is sent over TLS only."""
        return super().get_cookie_secure(app) or request.is_secure


def install(app: Flask, config: Config) -> None:
    """Protect every page of the app; paths for programs are not changed."""
    is_secure, path = config.public_url.startswith("https://"), path_of(config.public_url)
    # With the prefix, browsers refuse the cookie from another host or without TLS; __Host- allows no path.
    prefix = "" if not is_secure else "__Secure-" if path else "__Host-"
    app.config.update(
        SESSION_COOKIE_NAME=f"{prefix}token_bridge",
        SESSION_COOKIE_PATH=path or "/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_secure,
        WTF_CSRF_CHECK_DEFAULT=False,
        # A form is valid as long as its session.
        WTF_CSRF_TIME_LIMIT=None,
        # Some browsers send no referrer; the token does not need it.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = _Sessions()
    _csrf.init_app(app)
    app.before_request(_check_counts)
    app.before_request(_check_form)
    app.after_request(_add_headers)
    if is_secure:
        app.after_request(_keep_to_tls)


def _check_counts() -> None:
    """Refuse a query or form with too many fields before reading any of them."""
    asked = request_ctx.request
    if asked.environ.get("QUERY_STRING", "").count("&") >= MAX_QUERY_FIELDS:
        raise InvalidRequest(f"the address has more than {MAX_QUERY_FIELDS} parameters")
    is_form = not is_for_machines(asked.path) and asked.mimetype == "application/x-www-form-urlencoded"
    # The body is stored, so that the form can still be read.
    if is_form and asked.get_data(cache=True).count(b"&") >= MAX_FORM_FIELDS:
        raise BodyTooLarge(f"the form has more than {MAX_FORM_FIELDS} fields")


def _check_form() -> None:
    asked = request_ctx.request
    if is_for_machines(asked.path) or asked.endpoint is None or (asked.blueprint or "").startswith(_OWN_FORM_KEYS):
        return
    if "admin" not in session and getattr(current_app.view_functions[asked.endpoint], "resumes", False):
        # Nothing is done for a signed-out browser: the view leads to the sign-in and back to the typed values.
        return
    try:
        _csrf.protect()
    except CSRFError as error:
        error.description = _LOST_FORM
        raise


def _add_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if is_for_machines(request.path):
        return response
    if request.path.startswith(_WITHOUT_REFERRER):
        response.headers.setdefault("Referrer-Policy", "no-referrer")
    # A page that chooses the sites of its frames does so with the policy, which this header would override.
    chooses_frames = "Content-Security-Policy" in response.headers
    for name, value in _PAGE_HEADERS.items():
        if name != "X-Frame-Options" or not chooses_frames:
            response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _keep_to_tls(response: Response) -> Response:
    response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
