"""The linked sites of the buyer: link one with a code, cap it, rotate its key, unlink it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.errors import FieldError, InvalidRequest, SiteNotLinked, TooManyLinkCodes, UnknownSite
from bridge.domain.portal.passes import Access
from bridge.domain.sites.sites import Site
from bridge.rendering.ids import decode_id, encode_id
from bridge.runtime import runtime
from bridge.services.portal.sessions import Buyer
from bridge.services.sites import link_codes, sites
from bridge.services.sites.sites import SiteStatus
from bridge.storage.engine.database import Connection
from bridge.web.api.parsing import typed_amount
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import Language, LocalTime, isolate, local_time, number, zone_name
from bridge.web.i18n.messages import Texts, marked, texts_of
from bridge.web.portal import pages
from bridge.web.portal import sessions as browser

bp = Blueprint("portal_sites", __name__, url_prefix="/account/sites")

PAGE = 50
_GRACE = {"0": marked("At once"), "86400": marked("After 1 day"), "604800": marked("After 7 days")}
"""When the old key of a site ends, in seconds."""
_DONE = {
    "cap": marked("The cap is saved."),
    "unlinked": marked("The site is unlinked. Its key no longer works."),
    "gone": marked("Nothing was changed: this site is not linked any more."),
}
"""Messages of the page after a form."""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A linked site; `cap` is empty without one. `typed` is the text of the cap's form, `error` its fault."""

    id: str
    name: str
    url: str
    used: str
    cap: str
    left: str
    last_used: LocalTime | None
    typed: str
    error: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts that the page shows this one time: a link code, a new key, or a form with its fault."""

    code: str = field(default="", repr=False)
    code_until: datetime | None = None
    key: str = field(default="", repr=False)
    key_of: str = ""
    site_id: str = ""
    typed: str = ""
    error: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SitesPage:
    """The contents of the page; `done` says what a form changed. `older` leads to sites linked earlier, or is empty."""

    rows: tuple[SiteRow, ...]
    unlinked: tuple[str, ...]
    shown: Shown
    code_until: LocalTime | None
    done: str
    older: str
    address: str
    graces: tuple[tuple[str, str], ...]
    zone: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show the linked sites of the buyer."""
    return _render(Shown())


@bp.post("/code")
@browser.needs(Access.FULL)
def new_code() -> ResponseReturnValue:
    """Make a code that links one site, and show it."""
    session, now = browser.buyer().session, utcnow()
    try:
        made = in_transaction(
            lambda connection: link_codes.new_code(connection, session.store_id, session.user_id, now=now)
        )
    except TooManyLinkCodes:
        return _render(Shown(fault=marked("Too many codes are open. Use one of them, or wait until they expire."))), 429
    return _render(Shown(code=made.code, code_until=made.expires_at))


@bp.post("/<site_id>/cap")
@browser.needs(Access.FULL)
def save_cap(site_id: str) -> ResponseReturnValue:
    """Set or remove the monthly cap of a site; show the form again after an error."""
    typed, texts = request.form.get("cap", "").strip()[:40], texts_of(browser.language())
    cap = typed_amount(typed)
    if typed and cap is None:
        most = number(MAX_TOKENS, texts.language)
        fault = texts.gettext("Enter a whole number from 0 to {most}, or nothing for no cap.", most=most)
        return _render(Shown(site_id=site_id, typed=typed, error=fault)), 422
    return _change(
        site_id,
        "cap",
        lambda connection, site, actor, now: sites.change_site(
            connection, site.store_id, site.id, {"monthly_cap": cap}, actor=actor, now=now
        ),
    )


@bp.post("/<site_id>/rotate")
@browser.needs(Access.FULL)
def rotate(site_id: str) -> ResponseReturnValue:
    """Make a new key for a site and show it, this one time."""
    grace, buyer, now = request.form.get("grace", ""), browser.buyer(), utcnow()
    if grace not in _GRACE:
        raise InvalidRequest(fields=[FieldError("grace", "choose when the old key ends")])

    def change(connection: Connection) -> sites.Linked:
        site = _site(connection, buyer, site_id)
        span = timedelta(seconds=int(grace))
        return sites.rotate_key(connection, site.store_id, site.id, grace=span, actor=_actor(buyer), now=now)

    try:
        linked = in_transaction(change)
    except SiteNotLinked:
        return redirect(url_for("portal_sites.show", done="gone"), 303)
    return _render(Shown(key=linked.access_key, key_of=linked.site.name))


@bp.post("/<site_id>/unlink")
@browser.needs(Access.FULL)
def unlink(site_id: str) -> ResponseReturnValue:
    """Unlink a site: its keys are refused from now on. Sent twice, the second changes nothing."""
    return _change(
        site_id,
        "unlinked",
        lambda connection, site, actor, now: sites.unlink_site(
            connection, site.store_id, site.id, actor=actor, now=now
        ),
    )


def sites_page(
    connection: Connection, buyer: Buyer, shown: Shown, before: int | None, language: Language, *, now: datetime
) -> SitesPage:
    """Return the sites of a buyer, the newest first, below the id `before`."""
    texts, zone = texts_of(language), buyer.store.calendar.zone
    found = sites.list_sites(connection, buyer.account.id, before=before, limit=PAGE + 1)
    statuses = sites.list_statuses(connection, found[:PAGE], now=now)
    older = encode_id("si", found[PAGE - 1].id) if len(found) > PAGE else ""
    done = _DONE.get(request.args.get("done", ""), "")
    return SitesPage(
        rows=tuple(_row(each, shown, buyer, texts) for each in statuses if each.use.site.unlinked_at is None),
        unlinked=tuple(
            isolate(each.use.site.name, language) for each in statuses if each.use.site.unlinked_at is not None
        ),
        shown=shown,
        code_until=None if shown.code_until is None else local_time(shown.code_until, zone, language),
        done=texts.gettext(done) if done else "",
        older=url_for("portal_sites.show", before=older) if older else "",
        address=runtime().config.public_url,
        graces=tuple((value, texts.gettext(text)) for value, text in _GRACE.items()),
        zone=zone_name(zone),
    )


def _row(status: SiteStatus, shown: Shown, buyer: Buyer, texts: Texts) -> SiteRow:
    site, language, id_ = status.use.site, texts.language, encode_id("si", status.use.site.id)
    cap, left, last_used = site.monthly_cap, status.use.remaining, status.last_used_at
    is_again = shown.site_id == id_
    return SiteRow(
        id=id_,
        name=isolate(site.name, language),
        url=site.url,
        used=number(status.use.used_this_month, language),
        cap="" if cap is None else number(cap, language),
        left="" if left is None else number(left, language),
        last_used=local_time(last_used, buyer.store.calendar.zone, language) if last_used else None,
        typed=shown.typed if is_again else "" if cap is None else str(cap),
        error=shown.error if is_again else "",
    )


def _render(shown: Shown) -> str:
    text = request.args.get("before")
    before = None if text is None else decode_id("si", text)
    if text is not None and before is None:
        raise InvalidRequest(fields=[FieldError("before", "follow the link of an earlier page")])
    with reading() as connection:
        page = sites_page(connection, browser.buyer(), shown, before, browser.language(), now=utcnow())
    return pages.render("portal/sites.html", page=page)


def _change(site_id: str, done: str, act: Callable[[Connection, Site, str, datetime], object]) -> ResponseReturnValue:
    buyer, now = browser.buyer(), utcnow()
    try:
        in_transaction(lambda connection: act(connection, _site(connection, buyer, site_id), _actor(buyer), now))
    except SiteNotLinked:
        done = "gone"
    return redirect(url_for("portal_sites.show", done=done), 303)


def _site(connection: Connection, buyer: Buyer, site_id: str) -> Site:
    """Return a site of this buyer; raises `UnknownSite` for one of another user."""
    found = decode_id("si", site_id)
    site = None if found is None else sites.get_site(connection, buyer.store.id, found)
    if site is None or site.account_id != buyer.account.id:
        raise UnknownSite()
    return site


def _actor(buyer: Buyer) -> str:
    return f"user {buyer.session.user_id}"
