"""The frame of every page of the portal: navigation, the shop's name, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for

from bridge.domain.portal.passes import Access
from bridge.services.portal.sessions import Buyer
from bridge.web.i18n.formatting import Language, isolate
from bridge.web.i18n.messages import marked, texts_of
from bridge.web.portal import notices, sessions
from bridge.web.portal.notices import Way

_PAGES = (
    ("portal.overview", Access.PARTIAL, marked("Overview")),
    ("portal_usage.show", Access.FULL, marked("Usage")),
    ("portal_transactions.show", Access.FULL, marked("Transactions")),
    ("portal_purchases.show", Access.FULL, marked("Purchases")),
    ("portal_buy.show", Access.PARTIAL, marked("Buy tokens")),
    ("portal_plan.show", Access.FULL, marked("Plan")),
    ("portal_sites.show", Access.FULL, marked("Linked sites")),
    ("portal_data.show", Access.FULL, marked("Your data")),
)
"""The pages in the order of the navigation, with the access that each needs."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the navigation."""

    url: str
    label: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of every page around its own content."""

    store: str
    person: str
    links: tuple[Link, ...]
    back: Way
    form: str


def render(template: str, **values: object) -> str:
    """Return a page of the portal for the buyer of this request."""
    language = sessions.language()
    return notices.render(template, texts_of(language), frame=frame_of(sessions.buyer(), language), **values)


def frame_of(buyer: Buyer, language: Language) -> Frame:
    """Return the frame for a buyer: pages that their access does not open are left out."""
    texts, account = texts_of(language), buyer.account
    has_all = buyer.session.access is Access.FULL
    return Frame(
        store=isolate(buyer.store.name, language),
        person=isolate(account.name or account.email or "", language),
        links=tuple(
            Link(url_for(endpoint), texts.gettext(label), endpoint.partition(".")[0] == request.blueprint)
            for endpoint, access, label in _PAGES
            if has_all or access is Access.PARTIAL
        ),
        back=notices.way_to(buyer.session.return_url),
        form=sessions.form_key(),
    )
