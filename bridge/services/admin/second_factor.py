"""The second factor of a sign-in: one-time codes of an authenticator app, and recovery codes."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime

import pyotp

from bridge.domain.admin.admins import Admin
from bridge.services import secrets as vault
from bridge.services.secrets import Vault
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.admin import admins
from bridge.storage.engine.database import Connection

STEP_SECONDS = 30
_SLACK = (-1, 0, 1)
"""The steps around the current one whose codes are accepted, because clocks differ."""
RECOVERY_CODES = 10
_SECRET = re.compile(r"[A-Z2-7]{32}")
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def new_secret() -> str:
    """Return a new secret for an authenticator app, in base 32."""
    return pyotp.random_base32(32)


def is_secret(text: str) -> bool:
    """Return whether a text has the form of a secret."""
    return _SECRET.fullmatch(text) is not None


def setup_address(secret: str, email: str) -> str:
    """Return the `otpauth` URI that an authenticator app reads."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Token Bridge"))


def is_on(connection: Connection, admin_id: int) -> bool:
    """Return whether an admin has a second factor."""
    return admins.find_second_factor(connection, admin_id) is not None


def count_recovery_codes(connection: Connection, admin_id: int) -> int:
    """Return how many recovery codes an admin has left."""
    found = admins.find_second_factor(connection, admin_id)
    return 0 if found is None else len(found.recovery_codes)


def turn_on(
    connection: Connection, admin: Admin, secret: str, code: str, *, vault_: Vault, now: datetime
) -> list[str] | None:
    """Set up the second factor once the app shows the right code; return the recovery codes, shown this once.

    Return None for a wrong code.
    """
    step = _step_of(secret, code, after=None, now=now)
    if step is None:
        return None
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    hashes = [vault.hash_recovery_code(each) for each in codes]
    admins.set_second_factor(connection, admin.id, vault_.seal(secret), step=step, recovery_codes=hashes)
    _record(connection, admin, before="off", after="on", now=now)
    return codes


def turn_off(connection: Connection, admin: Admin, *, now: datetime) -> None:
    """Remove the second factor."""
    if is_on(connection, admin.id):
        admins.set_second_factor(connection, admin.id, None, step=None, recovery_codes=None)
        _record(connection, admin, before="on", after="off", now=now)


def use(connection: Connection, admin_id: int, code: str, *, vault_: Vault, now: datetime) -> bool:
    """Use up a code of the app or a recovery code; return whether it was right. Each works once."""
    found = admins.find_second_factor(connection, admin_id, lock=True)
    if found is None:
        return False
    step = _step_of(vault_.open(found.secret), code, after=found.step, now=now)
    if step is not None:
        admins.set_second_factor(connection, admin_id, found.secret, step=step, recovery_codes=found.recovery_codes)
        return True
    used = vault.hash_recovery_code(re.sub(r"[\s-]", "", code.casefold()))
    left = [each for each in found.recovery_codes if each != used]
    if len(left) == len(found.recovery_codes):
        return False
    admins.set_second_factor(connection, admin_id, found.secret, step=found.step, recovery_codes=left)
    return True


def _step_of(secret: str, code: str, *, after: int | None, now: datetime) -> int | None:
    """Return the time step whose code this is; steps up to `after` are used up."""
    digits = re.sub(r"\s", "", code)
    current = int(now.timestamp()) // STEP_SECONDS
    app = pyotp.TOTP(secret)
    for step in (current + by for by in _SLACK):
        if (after is None or step > after) and hmac.compare_digest(app.generate_otp(step).encode(), digits.encode()):
            return step
    return None


def _new_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


def _record(connection: Connection, admin: Admin, *, before: str, after: str, now: datetime) -> None:
    changes.record(
        connection,
        None,
        Subject.ADMIN,
        admin.email,
        before={"second_factor": before},
        after={"second_factor": after},
        actor=admin.email,
        now=now,
    )
