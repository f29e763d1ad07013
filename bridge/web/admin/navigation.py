"""The navigation of a store's pages: the sections, the pages in them, and the count of open exceptions."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for

from bridge.domain.admin.admins import Role
from bridge.domain.stores.stores import Store
from bridge.services.shop import review
from bridge.storage.engine.database import Connection
from bridge.web.admin.sessions import may


@dataclass(frozen=True, slots=True)
class Item:
    """A page of a store in the navigation; `role` is the role that its page needs.

    The item is current on every page of its endpoint's blueprint and of those in
    `also`. An item whose endpoint is not registered is left out.
    """

    label: str
    endpoint: str
    role: Role = Role.VIEWER
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A group of pages with a navigation of its own; its link leads to the first page."""

    label: str
    items: tuple[Item, ...]


SETTINGS = Section(
    "Settings",
    (
        Item("Packages", "packages.show", also=("grant_preview",)),
        Item("Limits", "limits.show", also=("limits_reset",)),
        Item("Prices", "prices.show"),
        Item("Store", "store_settings.show"),
        Item("Access keys", "access_keys.show"),
        Item("Events", "event_endpoints.show"),
        Item("Audit log", "changes.show"),
        Item("Admins", "store_admins.show", Role.OWNER),
    ),
)

NAVIGATION: tuple[Item | Section, ...] = (
    Item("Credits", "credits.show", also=("balance", "user_limits", "user_sites", "user_merge", "user_erase")),
    Item("Exceptions", "exceptions.show", also=("comparison",)),
    Item("Deliveries", "deliveries.show"),
    SETTINGS,
    Item("Connection", "connection.show", also=("wordpress",)),
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the navigation; `current` is the value of `aria-current`, empty on the pages of other items."""

    label: str
    endpoint: str
    url: str
    current: str


@dataclass(frozen=True, slots=True)
class Menu:
    """The links of a store's navigation, and those of the section that the page belongs to."""

    links: list[Link]
    section: str
    section_links: list[Link]


def build_menu(slug: str) -> Menu:
    """Return the navigation of a store for the admin and the page of this request."""
    links: list[Link] = []
    section, section_links = "", list[Link]()
    for entry in NAVIGATION:
        if isinstance(entry, Item):
            links.extend(_links((entry,), slug))
            continue
        inner = _links(entry.items, slug)
        if not inner:
            continue
        is_current = any(link.current for link in inner)
        links.append(Link(entry.label, inner[0].endpoint, inner[0].url, "true" if is_current else ""))
        if is_current:
            section, section_links = entry.label, inner
    return Menu(links, section, section_links)


def count_exceptions(connection: Connection, store: Store) -> str:
    """Return how many orders and products need attention: empty for none, `99+` for more than 99."""
    found = review.count_open(connection, store.id)
    return "" if not found else str(found) if found <= review.COUNTED else f"{review.COUNTED}+"


def _links(items: tuple[Item, ...], slug: str) -> list[Link]:
    return [
        Link(item.label, item.endpoint, url_for(item.endpoint, store=slug), _current(item))
        for item in items
        if item.endpoint in current_app.view_functions and may(item.role)
    ]


def _current(item: Item) -> str:
    if request.endpoint == item.endpoint:
        return "page"
    return "true" if request.blueprint in {item.endpoint.partition(".")[0], *item.also} else ""
