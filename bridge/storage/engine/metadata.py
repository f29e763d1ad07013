"""All tables: imports every `tables.py`, so that the metadata is complete."""

from __future__ import annotations

from bridge.storage.accounts import tables as accounts_tables
from bridge.storage.admin import tables as admin_tables
from bridge.storage.engine.columns import metadata
from bridge.storage.events import tables as events_tables
from bridge.storage.jobs import tables as jobs_tables
from bridge.storage.metering import tables as metering_tables
from bridge.storage.orders import tables as orders_tables
from bridge.storage.portal import tables as portal_tables
from bridge.storage.shop import tables as shop_tables
from bridge.storage.sites import tables as sites_tables
from bridge.storage.stores import tables as stores_tables

TABLES = (
    accounts_tables,
    admin_tables,
    events_tables,
    jobs_tables,
    metering_tables,
    orders_tables,
    portal_tables,
    shop_tables,
    sites_tables,
    stores_tables,
)
"""The modules with tables, by area."""

__all__ = ["TABLES", "metadata"]
