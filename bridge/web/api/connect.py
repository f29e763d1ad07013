"""The API that the WordPress plugin connects with: a one-time code for a key and the webhook secret."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import AfterValidator, Field, StrictBool

from bridge.domain.errors import StoreExists, TooManyGuesses
from bridge.domain.shop.connect_codes import (
    ConnectCodeExpired,
    ConnectCodeUsed,
    OtherSite,
    UnknownConnectCode,
    site_fault,
)
from bridge.domain.stores.zones import canonical_zone
from bridge.runtime import runtime
from bridge.services.shop import connect_codes
from bridge.services.shop.connect_codes import ConnectedSite, ConnectingSite, Miss
from bridge.services.stores.settings import shop_url
from bridge.storage.engine.database import Connection
from bridge.web.api.answers.connect import ConnectedOut
from bridge.web.api.operations import operation
from bridge.web.api.parsing import Body, Text200, read_body
from bridge.web.api.responses import json_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("api_connect", __name__, url_prefix="/v1")

_MISSES = {Miss.UNKNOWN: UnknownConnectCode, Miss.USED: ConnectCodeUsed, Miss.EXPIRED: ConnectCodeExpired}


def _site_url(given: str) -> str:
    url = given.strip()
    if fault := site_fault(url, public_url=runtime().config.public_url):
        raise ValueError(fault)
    return shop_url(url)


def _zone(given: str) -> str:
    zone = canonical_zone(given.strip())
    if zone is None:
        raise ValueError("must be a time zone such as Europe/Paris, or an offset such as +05:30")
    return zone


class ConnectingSiteIn(Body):
    """The WordPress site that connects."""

    url: Annotated[str, Field(strict=True, min_length=1, max_length=400), AfterValidator(_site_url)]
    """Address of the site: https, or http on the machine of the service."""
    name: Text200
    """Name of the site."""
    timezone: Annotated[str, Field(strict=True, min_length=1, max_length=64), AfterValidator(_zone)]
    """Time zone of the site, such as `Europe/Paris` or `+05:30`."""
    woocommerce: StrictBool
    """True if WooCommerce is active on the site."""


class ConnectIn(Body):
    """A connect code and the site that uses it."""

    code: Annotated[str, Field(strict=True, min_length=1, max_length=600)]
    """The connect code, as the console shows it."""
    site: ConnectingSiteIn
    """The site that uses the code."""


@bp.post("/connect")
@operation(
    "Connect a WordPress site",
    tag="Connection",
    answer=ConnectedOut,
    status=201,
    body=ConnectIn,
    errors=(UnknownConnectCode, ConnectCodeUsed, ConnectCodeExpired, OtherSite, StoreExists, TooManyGuesses),
    example={
        "code": "https://tokens.example#7KQ2M4XP9T3VW8RA1ZC5D6EF0G",
        "site": {"url": "https://shop.example", "name": "Shop", "timezone": "Europe/Paris", "woocommerce": True},
    },
)
def connect() -> Response:
    """Exchange a connect code for an access key and the webhook secret. No access key is needed.

    A code for a new store creates it. The plugin's former key works for five more
    minutes. The webhook secret of a store does not change.
    """
    body = read_body(ConnectIn)
    site = ConnectingSite(body.site.url, body.site.name, body.site.timezone, body.site.woocommerce)
    address, now, parts = request.remote_addr or "", utcnow(), runtime()
    with reading() as connection:
        connect_codes.check_guesses(connection, body.code, address, now=now)

    def use_code(connection: Connection) -> ConnectedSite | Miss:
        return connect_codes.connect(
            connection,
            body.code,
            site,
            public_url=parts.config.public_url,
            vault_=parts.vault,
            address=address,
            now=now,
        )

    found = in_transaction(use_code)
    if isinstance(found, Miss):
        raise _MISSES[found]()
    return json_response(_connected_document(found), 201)


def _connected_document(connected: ConnectedSite) -> dict[str, Any]:
    address = connected.target.address
    return {
        "store": connected.store.slug,
        "access_key": connected.access_key,
        "webhook_url": address.url,
        "webhook_secret": connected.target.secret,
        "topics": list(connected.topics),
        "webhooks": [{"topic": topic, "name": address.name_of(topic)} for topic in connected.topics],
    }
