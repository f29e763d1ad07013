"""Read a new store's name and time zone from the shop's public site, if the owner set none."""

from __future__ import annotations

from dataclasses import replace

from bridge.clients.woocommerce.site import Site, look_up_site
from bridge.domain.stores.zones import Origin, ZoneSource
from bridge.services.stores.settings import NewStore

__all__ = ["Site", "from_site", "look_up_site", "zone_source_of"]


def from_site(wanted: NewStore, site: Site | None) -> NewStore:
    """Return the store to connect, its empty name and time zone filled in with the site's."""
    found = site or Site()
    return replace(wanted, name=wanted.name or found.name, time_zone=wanted.time_zone or found.time_zone)


def zone_source_of(wanted: NewStore, site: Site | None) -> ZoneSource | None:
    """Return where the time zone comes from; None if the owner chose it in `wanted`."""
    if wanted.time_zone:
        return None
    if site is None:
        return ZoneSource(Origin.UNREACHABLE)
    return ZoneSource(Origin.SHOP, site.time_zone) if site.time_zone else ZoneSource(Origin.NOT_STATED)
