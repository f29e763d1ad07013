"""Browsers that signed in before: a signed cookie gives each its own throttle."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.sites.link_codes import client_of as network_of
from bridge.services.admin.throttles import MAX_EMAIL, Client

LIFE = timedelta(days=365)


def client_of(email: str) -> Client:
    """Return the client of this request, which tries to sign in with this email."""
    held = request.cookies.get(_name())
    if held is not None and len(held) < 1000:
        try:
            device, account = _serializer().loads(held, max_age=int(LIFE.total_seconds()))
        except (BadSignature, TypeError, ValueError):
            pass
        else:
            if account == _account(email):
                return Client(f"device {device}", is_known=True)
    return Client(f"address {network_of(request.remote_addr or '')}")


def remember(response: Response, email: str) -> None:
    """Mark this browser as known for the account from now on."""
    response.set_cookie(
        _name(),
        str(_serializer().dumps([secrets.token_urlsafe(16), _account(email)])),
        max_age=LIFE,
        path=str(current_app.config["SESSION_COOKIE_PATH"] or "/"),
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_device"


def _account(email: str) -> str:
    account = normalize_email(email[:MAX_EMAIL]) or ""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="token-bridge device")
