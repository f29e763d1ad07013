"""Convert the requests of the spending API into spend and hold requests."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from bridge.domain.accounts.accounts import Who
from bridge.domain.errors import FieldError, SiteNamesUser
from bridge.domain.metering.commands import HoldRequest, SpendRequest
from bridge.domain.stores.principals import Principal
from bridge.rendering.documents import Document
from bridge.rendering.ids import decode_id, encode_id
from bridge.services.accounts import profiles
from bridge.web.api.parsing import Text100, Text200, WhatIn, WhoIn, fingerprint
from bridge.web.context import reading


class SpendIn(WhoIn, WhatIn):
    """A spend request: who pays and for what."""

    source: Text100 | None = None
    """Integration that spends; shown in the history."""
    reference: Text200 | None = None
    """The caller's own reference."""
    confirmed: Annotated[bool, Field(strict=True)] = False
    """True once the user confirmed that tokens of the balance may pay; needed for users with `confirm_paid`."""


def who_of(body: WhoIn, caller: Principal) -> Who | None:
    """Return the user or guest of a request; None for a linked site, which has one account and names none."""
    if caller.account_id is not None:
        if body.user is not None or body.guest is not None:
            raise SiteNamesUser(
                "a linked site's key acts for its own account only; the request must not name a user",
                fields=[FieldError("guest" if body.user is None else "user", "leave it out")],
            )
        return None
    return body.who(partial(_guest_salt, caller.store_id))


def request_of(body: SpendIn, caller: Principal, *, key: str) -> SpendRequest:
    """Return the spend request of a body; raises `InvalidRequest` and `SiteNamesUser`."""
    body.check()
    return SpendRequest(
        caller=caller,
        key=key,
        fingerprint=fingerprint("spend", body),
        who=who_of(body, caller),
        module=body.module,
        tokens=body.tokens,
        operation=body.operation,
        units=body.quantity or 1,
        source=body.source,
        reference=body.reference,
        confirmed=body.confirmed,
    )


def hold_request_of(body: SpendIn, caller: Principal, *, key: str, ttl_seconds: int) -> HoldRequest:
    """Return the hold request of a body; raises `InvalidRequest` and `SiteNamesUser`."""
    body.check()
    return HoldRequest(
        caller=caller,
        key=key,
        fingerprint=fingerprint("hold", body),
        who=who_of(body, caller),
        module=body.module,
        tokens=body.tokens,
        operation=body.operation,
        units=body.quantity or 1,
        source=body.source,
        reference=body.reference,
        confirmed=body.confirmed,
        ttl_seconds=ttl_seconds,
    )


def path_id(prefix: str, text: str, unknown: Exception, caller: Principal) -> int:
    """Return the number behind an id in the path; raises `unknown` for what is none of that kind.

    A linked site's key must send the id with its tag; older ids without a tag are
    accepted from the store's own keys only.
    """
    number = decode_id(prefix, text, allow_untagged=not caller.site_id)
    if number is None:
        raise unknown
    return number


def owner_document(caller: Principal, *, user_id: int | None, site_id: int) -> Document:
    """Return whose a spend or hold is; a linked site's key does not get the ID of its user."""
    return {
        "user_id": None if caller.site_id else user_id,
        "site": encode_id("si", site_id) if site_id else None,
    }


def _guest_salt(store_id: int) -> str:
    with reading() as connection:
        return profiles.guest_salt(connection, store_id)
