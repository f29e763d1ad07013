"""The largest request body that each route accepts, and the kinds of body that it refuses."""

from __future__ import annotations

import re

from flask import Flask
from flask.globals import request_ctx

from bridge.domain.errors import BodyTooLarge, UnsupportedBody
from bridge.domain.shop.inbox import HARD_LIMIT_BYTES
from bridge.web.errors import is_for_machines

KIB = 1024
MIB = 1024 * KIB

BODY_LIMITS: tuple[tuple[str, int], ...] = (
    ("/webhooks/", HARD_LIMIT_BYTES),
    ("/v1/", 2 * MIB),
    ("/connect/", 4 * KIB),
    ("/admin", 256 * KIB),
)
"""The most bytes, by the beginning of the path; the first match counts. A view may accept less, never more."""

UPLOAD_LIMIT = 2 * MIB
"""The most bytes of an uploaded file of bulk changes: ten thousand rows with reasons, in UTF-16."""

OTHER_LIMIT = 4 * KIB
"""The most bytes of a body sent to any other path."""

BODILESS_LIMIT = 64 * KIB
"""The most bytes of a body sent with a method that reads none; the body is ignored."""

_UPLOADS = re.compile(r"/admin/[^/]+/credits/bulk")
"""The pages that accept a file, as a multipart form."""

_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})


def body_limit(method: str, path: str) -> int:
    """Return the most bytes a request with this method and path may carry."""
    if method == "POST" and _UPLOADS.fullmatch(path):
        return UPLOAD_LIMIT
    limit = next((limit for prefix, limit in BODY_LIMITS if path.startswith(prefix)), OTHER_LIMIT)
    return min(limit, BODILESS_LIMIT) if method in _BODILESS else limit


def check_body_headers(path: str, content_type: str, content_encoding: str) -> None:
    """Raise `UnsupportedBody` for a compressed body, and for a multipart form on a page that takes no file.

    Paths for programs parse JSON whatever the content type, and refuse a multipart
    body because it is not JSON.
    """
    is_multipart = content_type.lstrip().lower().startswith("multipart/")
    if is_multipart and not is_for_machines(path) and not _UPLOADS.fullmatch(path):
        raise UnsupportedBody("This page does not accept multipart forms.")
    if content_encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedBody("This path does not accept compressed bodies: send the body without Content-Encoding.")


def install(app: Flask) -> None:
    """Apply the limits inside the app as well, for any server and any framing of the body.

    Install this before anything that reads a form: Werkzeug writes a multipart
    form to the temporary folder while it reads it.
    """
    app.before_request(_check_request)


def _check_request() -> None:
    request = request_ctx.request
    environ = request.environ
    check_body_headers(request.path, environ.get("CONTENT_TYPE", ""), environ.get("HTTP_CONTENT_ENCODING", ""))
    limit = body_limit(request.method, request.path)
    length = request.content_length
    if length is not None:
        if length > limit:
            raise BodyTooLarge()
    elif environ.get("wsgi.input_terminated"):
        # Werkzeug silently cuts a body of unknown length at its limit; one more byte shows it.
        request.max_content_length = limit + 1
        if len(request.get_data()) > limit:
            raise BodyTooLarge()
