"""Secrets: shop credentials encrypted, access keys and guests' ids only as hashes."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from bridge.domain.errors import BadSetting
from bridge.domain.shop import connect_codes
from bridge.domain.sites.link_codes import LENGTH, LETTERS

KEY_PREFIX = "tb_"


class Vault:
    """Encrypts and decrypts shop credentials under the service's secret key."""

    def __init__(self, secret_key: str) -> None:
        derived = hashlib.sha256(b"token-bridge credentials\0" + secret_key.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))
        self._opened = functools.lru_cache(maxsize=256)(self._decrypt)

    def seal(self, secret: str) -> str:
        """Return the secret encrypted, for storage."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the decrypted secret; raises `BadSetting` if it was encrypted with another secret key."""
        return self._opened(sealed)

    def _decrypt(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise BadSetting(
                "BRIDGE_SECRET_KEY is not the one with which the shop credentials were encrypted; restore the old one"
            ) from error


def new_access_key() -> str:
    """Return a new access key: 256 random bits after a prefix that leak scanners recognize."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_access_key(key: str) -> str:
    """Return the stored hash of an access key; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def prefix_of(key: str) -> str:
    """Return the part of an access key that may be shown."""
    return key[: len(KEY_PREFIX) + 6]


def new_state() -> str:
    """Return a new state for a request for a shop's keys: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_state(state: str) -> str:
    """Return the stored hash of a state; the time of looking it up reveals nothing about the state."""
    return hashlib.sha256(b"token-bridge key request\0" + state.encode("utf-8", "surrogatepass")).hexdigest()


def new_session() -> str:
    """Return a new id for an admin's session: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_session(session_id: str) -> str:
    """Return the stored hash of a session's id."""
    return hashlib.sha256(b"token-bridge session\0" + session_id.encode("utf-8", "surrogatepass")).hexdigest()


def new_pass() -> str:
    """Return the token of a new pass: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_pass(token: str) -> str:
    """Return the stored hash of a pass's token."""
    return hashlib.sha256(b"token-bridge pass\0" + token.encode("utf-8", "surrogatepass")).hexdigest()


def hash_guest(guest_id: str, *, salt: str) -> str:
    """Return the stored hash of a guest's id, with the store's own salt."""
    return hmac.new(salt.encode(), guest_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def new_link_code() -> str:
    """Return a new link code of 50 random bits, which is enough for minutes with counted guesses."""
    return _letters(LENGTH)


def new_connect_secret() -> str:
    """Return the secret of a new connect code: 130 random bits."""
    return _letters(connect_codes.LENGTH)


def hash_connect_secret(secret: str) -> str:
    """Return the stored hash of a connect code's secret in its normalized spelling."""
    return hashlib.sha256(b"token-bridge connect code\0" + secret.encode("utf-8", "surrogatepass")).hexdigest()


def _letters(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))


def hash_link_code(code: str) -> str:
    """Return the stored hash of a link code in its normalized spelling."""
    return hashlib.sha256(b"token-bridge link code\0" + code.encode("utf-8", "surrogatepass")).hexdigest()


def hash_address(address: str) -> str:
    """Return the stored hash of a client's address, while its wrong guesses are counted."""
    return hashlib.sha256(b"token-bridge address\0" + address.encode("utf-8", "surrogatepass")).hexdigest()


def hash_recovery_code(code: str) -> str:
    """Return the stored hash of a recovery code, which has about 50 random bits and counted guesses."""
    return hashlib.sha256(b"token-bridge recovery code\0" + code.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """Return a new webhook secret, of characters that WooCommerce neither decodes nor escapes."""
    return secrets.token_urlsafe(36)


def new_salt() -> str:
    """Return a new salt for guests' ids."""
    return secrets.token_hex(32)
