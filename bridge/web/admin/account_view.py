"""The view of the page "Your account"."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC

from bridge.domain.admin.admins import Admin
from bridge.services.admin import account, second_factor
from bridge.storage.engine.database import Connection
from bridge.web.admin.qr_code import QrCode, qr_code
from bridge.web.i18n.formatting import LocalTime, local_time

_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Setup:
    """A second factor that is being set up: the secret, and the address that the app reads."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    error: str = ""

    @property
    def code(self) -> QrCode:
        """Return the address as a QR code."""
        return qr_code(self.address)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session of the admin; `key` names it in the form that ends it."""

    key: str
    browser: str
    address: str
    began: LocalTime
    used: LocalTime
    is_this: bool


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The account page; `recovery_codes` are shown once, when the second factor is turned on."""

    sessions: list[SessionRow]
    has_second_factor: bool
    codes_left: int
    change_error: str
    factor_error: str
    setup: Setup | None
    recovery_codes: list[str]


def build_page(
    connection: Connection,
    admin: Admin,
    session_id: str,
    *,
    change_error: str,
    factor_error: str,
    setup: Setup | None,
    recovery_codes: list[str],
) -> AccountPage:
    """Return the account page of an admin; times are in UTC."""
    rows = [
        SessionRow(
            key=each.key,
            browser=browser_name(each.agent),
            address=each.address or "unknown",
            began=local_time(each.began_at, UTC),
            used=local_time(each.seen_at, UTC),
            is_this=each.is_this,
        )
        for each in account.list_sessions(connection, admin, session_id=session_id)
    ]
    return AccountPage(
        sessions=rows,
        has_second_factor=second_factor.is_on(connection, admin.id),
        codes_left=second_factor.count_recovery_codes(connection, admin.id),
        change_error=change_error,
        factor_error=factor_error,
        setup=setup,
        recovery_codes=recovery_codes,
    )


def browser_name(agent: str) -> str:
    """Return a browser and its system, such as `Firefox on Linux`; the start of the text for an unknown one."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if not browser:
        return agent[:40] or "Unknown browser"
    return f"{browser} on {system}" if system else browser
