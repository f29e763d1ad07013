"""The page "Your account": password, sessions and second factor of the admin who is signed in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.errors import InvalidRequest, TooManySignIns
from bridge.runtime import runtime
from bridge.services.admin import account, second_factor
from bridge.web.admin import account_view, devices
from bridge.web.admin.account_view import Setup
from bridge.web.admin.sessions import current_admin, own_account
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("account", __name__, url_prefix="/admin/account")

_WRONG = "This is not your current password."
_WRONG_CODE = "This code is not right. Enter the code that the app shows now; check the time of this device."


@bp.get("")
@own_account
def show() -> ResponseReturnValue:
    """Show the account of the admin."""
    return _render()


@bp.post("/password")
@own_account
def change_password() -> ResponseReturnValue:
    """Change the password; other sessions end."""
    typed = {name: request.form.get(name, "") for name in ("current", "password", "repeated")}
    if typed["password"] != typed["repeated"]:
        return _render(change_error="The two new passwords differ."), 422
    if (fault := _fault_of_password(typed["current"])) is not None:
        return _render(change_error=fault), 422
    admin = current_admin()
    try:
        in_transaction(
            lambda connection: account.set_password(
                connection, admin, typed["password"], session_id=session["admin"], now=utcnow()
            )
        )
    except InvalidRequest as error:
        return _render(change_error=f"{error.fields[0].message.capitalize()}."), 422
    flash("The password was changed. Your other sessions were ended.")
    return redirect(url_for("account.show"), 303)


@bp.post("/sessions/end")
@own_account
def end_session() -> ResponseReturnValue:
    """End one session of the admin, or all others without a choice."""
    admin, chosen = current_admin(), request.form.get("session", "")[:64]
    ended = in_transaction(
        lambda connection: account.end_sessions(connection, admin, session_id=session["admin"], only=chosen)
    )
    flash("The session was ended." if chosen and ended else f"{ended} other sessions were ended.")
    return redirect(url_for("account.show"), 303)


@bp.post("/second-factor")
@own_account
def set_up() -> ResponseReturnValue:
    """Show a new secret, or turn the second factor on after the password and the code of the app were checked."""
    admin, secret, code = current_admin(), request.form.get("secret", ""), request.form.get("code", "")[:20]
    if not second_factor.is_secret(secret):
        fresh = second_factor.new_secret()
        return _render(setup=Setup(fresh, second_factor.setup_address(fresh, admin.email)))
    if (fault := _fault_of_password(request.form.get("current", ""))) is not None:
        return _render(setup=Setup(secret, second_factor.setup_address(secret, admin.email), fault)), 422
    codes = in_transaction(
        lambda connection: second_factor.turn_on(connection, admin, secret, code, vault_=runtime().vault, now=utcnow())
    )
    if codes is None:
        return _render(setup=Setup(secret, second_factor.setup_address(secret, admin.email), _WRONG_CODE)), 422
    return _render(recovery_codes=codes)


@bp.post("/second-factor/off")
@own_account
def turn_off() -> ResponseReturnValue:
    """Turn the second factor off, after the password was checked."""
    if (fault := _fault_of_password(request.form.get("current", ""))) is not None:
        return _render(factor_error=fault), 422
    admin = current_admin()
    in_transaction(lambda connection: second_factor.turn_off(connection, admin, now=utcnow()))
    flash("The second factor is off.")
    return redirect(url_for("account.show"), 303)


def _fault_of_password(password: str) -> str | None:
    """Return why the current password is not accepted; wrong ones are throttled as at the sign-in."""
    admin, own = current_admin(), runtime()
    try:
        is_right = account.is_password(
            own.database,
            admin,
            password,
            throttles=own.sign_ins,
            client=devices.client_of(admin.email),
            now=utcnow(),
        )
    except TooManySignIns as error:
        return f"Too many wrong passwords. Try again in {error.retry_after_seconds} seconds."
    return None if is_right else _WRONG


def _render(
    *,
    change_error: str = "",
    factor_error: str = "",
    setup: Setup | None = None,
    recovery_codes: list[str] | None = None,
) -> str:
    with reading() as connection:
        page = account_view.build_page(
            connection,
            current_admin(),
            session["admin"],
            change_error=change_error,
            factor_error=factor_error,
            setup=setup,
            recovery_codes=recovery_codes or [],
        )
    return render_template("admin/account.html", page=page, admin=current_admin())
