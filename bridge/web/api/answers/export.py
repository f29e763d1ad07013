"""The response of an export: what is held about a person."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from bridge.web.api.answers.parts import Time
from bridge.web.api.operations import Answer

Rows = Annotated[list[dict[str, Any]], Field(examples=[[]])]


class ExportOut(Answer):
    """Everything held about a person, list by list; each row has the stored values."""

    exported_at: Time
    """Time of the export."""
    store: Annotated[str, Field(examples=["shop"])]
    """Name of the store in addresses."""
    id: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    profiles: Rows
    """The user, and users who were merged into it: profile, balance, debt."""
    former_contacts: Rows
    """Earlier emails and names."""
    earlier_roles: Rows
    """Roles of the user before each change of them."""
    merges: Rows
    """Merges into the user."""
    erasures: Rows
    """Erasures of the user."""
    entries: Rows
    """The ledger."""
    orders: Rows
    """Orders, with email and name."""
    order_lines: Rows
    """Lines of the orders, with tokens."""
    plans: Rows
    """Plans that were bought."""
    plan_use: Rows
    """Use of each window of a plan."""
    spends: Rows
    """Spends."""
    refunds: Rows
    """Refunds of spends."""
    holds: Rows
    """Holds."""
    usage: Rows
    """Usage by day."""
    free_use: Rows
    """Free use of each window of a limit."""
    carried_use: Rows
    """Use that came with merged users and with guests who signed in."""
    guest_use: Rows
    """The part of it that came with guests."""
    own_limits: Rows
    """Limits set for the user alone."""
    limit_resets: Rows
    """Manual resets of limits."""
    confirmations: Rows
    """When the user last confirmed to pay from the balance, by module."""
    linked_sites: Rows
    """Linked sites."""
    link_codes: Rows
    """Link codes, without the codes."""
    bulk_changes: Rows
    """Rows of bulk changes."""
    events: Rows
    """Events about the user."""
    portal_sessions: Rows
    """Sessions of the account page."""
    passes: Rows
    """Passes to the account page."""
    webhooks: Rows
    """Stored webhooks about the user and their orders, with their bodies."""
