"""Responses about linked sites."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Allowance, Balance, Count, Plan, Time, example_id
from bridge.web.api.operations import Answer


class CapUse(Answer):
    """A site and its usage of this month."""

    id: Annotated[str, Field(examples=[example_id("si")])]
    """ID of the site."""
    name: Annotated[str, Field(examples=["Blog"])]
    """Name of the site."""
    monthly_cap: Annotated[int | None, Field(examples=[5000])]
    """Most tokens per month; null for no cap."""
    used_this_month: Count
    """Tokens spent this month."""
    held: Annotated[Count, Field(examples=[0])]
    """Tokens in open holds."""
    remaining: Annotated[Count | None, Field(examples=[3800])]
    """Tokens left under the cap; null for no cap."""


class SiteKeyOut(Answer):
    """An access key of a site, without its secret part."""

    prefix: Annotated[str, Field(examples=["tb_x7Kq"])]
    """First characters of the key."""
    created_at: Time
    """Time of creation."""
    last_used_at: Time | None
    """Time of the last use."""
    expires_at: Time | None
    """End of the grace period after a rotation."""


class OwnSite(CapUse):
    """A site with its address, and its usage of this month."""

    url: Annotated[str, Field(examples=["https://blog.example"])]
    """Address of the site."""


class SiteOut(OwnSite):
    """A linked site."""

    keys: list[SiteKeyOut]
    """The site's access keys."""
    last_used_at: Time | None
    """Time of the last request."""
    created_at: Time
    """Time at which the site was linked."""
    unlinked_at: Time | None
    """Time at which the site was unlinked."""


class LinkedSite(SiteOut):
    """A linked site with a new access key."""

    access_key: Annotated[str, Field(examples=["tb_x7Kq…"])]
    """The access key; shown only here."""


class LinkCodeOut(Answer):
    """A code that links a site."""

    code: Annotated[str, Field(examples=["7KQ2-M4XP"])]
    """The code, for one use."""
    expires_at: Time
    """Time at which the code expires."""


class SiteUser(Answer):
    """The user of a site's account."""

    id: Annotated[int | None, Field(examples=[42])]
    """ID of the user in the shop."""


class SiteAccount(Answer):
    """The account of a linked site."""

    state: Annotated[Literal["ok", "low", "exhausted"], Field(examples=["ok"])]
    """Balance level of the account: `ok`, `low` or `exhausted`."""
    user: SiteUser
    """The user of the account."""
    balance: Balance
    """Balance of the account."""
    plan: Plan | None
    """Monthly plan; null without one."""
    limits: list[Allowance]
    """Allowance of each module."""
    purchase_url: Annotated[str | None, Field(examples=["https://shop.example/tokens"])]
    """Page that sells tokens."""
    site: OwnSite
    """The site's usage of this month."""
