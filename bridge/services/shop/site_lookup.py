"""Taking a new store's name and time zone from the shop's public site, where the owner gave none."""

from __future__ import annotations

from dataclasses import replace

from bridge.clients.woocommerce.site import Site, look_up_site
from bridge.services.stores.settings import NewStore

__all__ = ["Site", "describe_source", "from_site", "look_up_site"]


def from_site(wanted: NewStore, site: Site | None) -> NewStore:
    """Return the store to connect, its empty name and time zone filled in with the site's."""
    found = site or Site()
    return replace(wanted, name=wanted.name or found.name, time_zone=wanted.time_zone or found.time_zone)


def describe_source(wanted: NewStore, site: Site | None) -> str:
    """Return where the time zone comes from, in a sentence; `wanted` is what the owner gave."""
    if wanted.time_zone:
        return ""
    if site is not None and site.time_zone:
        return f"Time zone: {site.time_zone}, as the shop says."
    why = "the shop could not be reached" if site is None else "the shop does not say its own"
    return f"Time zone: UTC, because {why}."
