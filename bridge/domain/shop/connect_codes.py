"""Connect codes: short-lived codes that connect the WordPress plugin of one site, once."""

from __future__ import annotations

from datetime import timedelta

from bridge.domain.errors import BridgeError, NotFound
from bridge.domain.shop.authorization import address_fault
from bridge.domain.sites.link_codes import read_code
from bridge.domain.stores.public_address import is_loopback

LIFE = timedelta(minutes=15)
"""How long a code can be used."""
LENGTH = 26
"""The letters of a code's secret: 130 random bits, because the code gives a key of the whole store."""
KEY_NAME = "WordPress plugin"
"""The name of the access key that the plugin gets."""
RECONNECT_GRACE = timedelta(minutes=5)
"""How long the plugin's former key still works after it has connected again, for requests on their way."""


class UnknownConnectCode(NotFound):
    """There is no such connect code; create one in the console and copy it completely."""

    code = "unknown_connect_code"


class ConnectCodeUsed(BridgeError):
    """The connect code was already used; create another one in the console."""

    code = "connect_code_used"


class ConnectCodeExpired(BridgeError):
    """The connect code has expired; create another one in the console."""

    code = "connect_code_expired"


class OtherSite(BridgeError):
    """The connect code belongs to a store of another site; create a code for this site."""

    code = "other_site"


def write_code(public_url: str, secret: str) -> str:
    """Return a connect code: the address of the service, and the secret after a number sign."""
    return f"{public_url}#{secret}"


def read_secret(typed: str) -> str:
    """Return the secret in a pasted code, in its normalized spelling; a secret alone is accepted as well."""
    return read_code(typed.rpartition("#")[2])


def site_fault(url: str, *, public_url: str) -> str:
    """Return why a site cannot connect with this address; empty if it can."""
    if fault := address_fault(url):
        return fault
    if is_loopback(url) and not is_loopback(public_url):
        return "This address can be reached from the site's own machine only; set the public address in WordPress."
    return ""
