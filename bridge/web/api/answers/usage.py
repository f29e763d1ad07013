"""Responses about the use of a whole store."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from bridge.services.admin.usage import Grouping
from bridge.web.api.answers.parts import Count, Time
from bridge.web.api.operations import Answer


class StoreUsageItem(Answer):
    """Usage of one group; the properties that were not requested are absent."""

    day: Annotated[date | None, Field(examples=["2026-11-26"])] = None
    """Day in the store's time zone."""
    module: Annotated[str | None, Field(examples=["chat"])] = None
    """Key of the module."""
    operation: Annotated[str | None, Field(examples=["image.analysis"])] = None
    """Key of the operation; null for usage in tokens."""
    site: Annotated[str | None, Field(examples=["Blog"])] = None
    """Name of the linked site that spent; null for the store."""
    site_id: Annotated[str | None, Field(examples=["si_01J8XG2M4Q7RB"])] = None
    """ID of the linked site; null for the store."""
    source: Annotated[str | None, Field(examples=["support-bot"])] = None
    """Integration that spent."""
    units: Annotated[Count, Field(examples=[1])]
    """Number of units."""
    tokens: Annotated[int, Field(examples=[120])]
    """Tokens spent, minus refunds."""


class StoreUsageOut(Answer):
    """The usage of a store in a range of days."""

    first: Annotated[date, Field(alias="from", examples=["2026-10-28"])]
    """First day."""
    to: Annotated[date, Field(examples=["2026-11-26"])]
    """Last day, included."""
    by: Annotated[list[Grouping], Field(examples=[["day", "module"]])]
    """Properties by which the usage is grouped."""
    items: list[StoreUsageItem]
    """The groups, sorted by their properties."""
    as_of: Annotated[Time | None, Field(examples=[None])]
    """Time of the figures of a large store; null if they are current."""
