"""HTML fragments as answers of the API."""

from __future__ import annotations

from flask import Response, request

from bridge.web.i18n.formatting import Language


def wants_html() -> bool:
    """Return whether the caller prefers text/html to JSON."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def html_response(fragment: str, language: Language) -> Response:
    """Return a fragment that no cache may store."""
    response = Response(fragment, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = language.value
    return varied(response)


def varied(response: Response) -> Response:
    """Return a response that depends on what the caller accepts, with the header that says so."""
    response.headers["Vary"] = "Accept"
    return response
