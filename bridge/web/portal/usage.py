"""The use of the buyer by day: a chart, and each day with what was processed, where and by which integration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.portal.passes import Access
from bridge.domain.stores.stores import Policy
from bridge.services.admin.store_stats import DayUse, Use, today_of
from bridge.services.metering import overview as accounts
from bridge.services.ops import account_usage
from bridge.services.ops.account_usage import Name, ShownDay, UsageRow, WantedUse
from bridge.services.ops.exports import SPANS
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.admin.usage_chart import UsageChart, usage_chart
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, day, isolate, number, zone_name
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.portal import pages, tables
from bridge.web.portal import sessions as browser

bp = Blueprint("portal_usage", __name__, url_prefix="/account/usage")

DAYS = 30
"""How many days a page lists."""
LINES = 20
"""How many rows of a day a page shows; the file has all."""
_NONE = "-"
"""The value of a filter for the shop itself, or for no integration: an empty one stands for all."""
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Filters:
    """The chosen use: the last `days` days, and one module, site or integration; None for all.

    An empty site is the shop itself, an empty source no integration.
    """

    days: int = SPANS[0]
    module: str | None = None
    site: str | None = None
    source: str | None = None

    def wanted(self, buyer: Buyer, last: date) -> WantedUse:
        """Return the use to read; `last` is today, and days after it count as it."""
        first = last - timedelta(days=self.days - 1)
        return WantedUse(buyer.account.id, first, self.module, self.site, self.source)

    def query(self, **changes: str | int | None) -> dict[str, str | int]:
        """Return the parameters of an address with these filters."""
        values = {"days": self.days, "module": self.module, "site": self.site, "source": self.source} | changes
        return {name: value or _NONE for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a filter, as the list of the form has it."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A list of the form; the first option, which has no value, stands for all."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """The use of one operation through one site and integration on a day."""

    module: str
    operation: str
    site: str
    source: str
    units: str
    tokens: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day with its rows; `more` says how many rows are left out."""

    iso: str
    label: str
    tokens: str
    units: str
    lines: tuple[Line, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Span:
    """A range of days to choose."""

    url: str
    label: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class UsagePage:
    """The contents of the page; `older` leads to earlier days of the range, empty at its end."""

    spans: tuple[Span, ...]
    choices: tuple[Choice, ...]
    days: int
    is_filtered: bool
    chart: UsageChart
    total: str
    listed: tuple[Day, ...]
    older: str
    newest: str
    csv: str
    clear: str
    zone: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show the use of the buyer in a range of days."""
    filters, before = _filters(), _before()
    with reading() as connection:
        page = usage_page(connection, browser.buyer(), filters, before, browser.language(), now=utcnow())
    return pages.render("portal/usage.html", page=page)


@bp.get("/file.csv")
@browser.needs(Access.FULL)
def download() -> Response:
    """Send the chosen use as a file: its filters, a row for each operation of a day, and the total."""
    filters, buyer, language, now = _filters(), browser.buyer(), browser.language(), utcnow()
    return tables.file_of(
        lambda connection: _csv_rows(connection, buyer, filters, texts_of(language), now=now),
        name=f"usage-{today_of(buyer.store, now).isoformat()}-{filters.days}",
        language=language,
    )


def usage_page(
    connection: Connection, buyer: Buyer, filters: Filters, before: date | None, language: Language, *, now: datetime
) -> UsagePage:
    """Return the use of a buyer; the list holds the days before `before`, or the latest."""
    store, texts = buyer.store, texts_of(language)
    policy = accounts.get_policy(connection, store.id)
    last = today_of(store, now)
    wanted = filters.wanted(buyer, last)
    found = account_usage.list_module_days(connection, wanted)
    names = account_usage.list_names(connection, Filters(filters.days).wanted(buyer, last))
    use = Use(wanted.first, last, tuple(DayUse(each.day, each.module, each.units, each.tokens) for each in found), None)
    shown, has_older = account_usage.list_days(connection, wanted, found, before=before, days=DAYS, each=LINES)
    return UsagePage(
        spans=tuple(_span(texts, filters, days) for days in SPANS),
        choices=_choices(texts, policy, names, filters),
        days=filters.days,
        is_filtered=filters != Filters(filters.days),
        chart=usage_chart(store, policy, use, language=language, now=now),
        total=_tokens(texts, sum(each.tokens for each in found)),
        listed=tuple(_day(texts, policy, each) for each in shown),
        older=_url(filters, before=shown[-1].day.isoformat()) if has_older else "",
        newest="" if before is None else _url(filters),
        csv=url_for("portal_usage.download", **filters.query()),  # type: ignore[arg-type]
        clear=_url(Filters(filters.days)),
        zone=zone_name(store.calendar.zone),
    )


def _span(texts: Texts, filters: Filters, days: int) -> Span:
    label = texts.ngettext("{n} day", "{n} days", days)
    return Span(url_for("portal_usage.show", **filters.query(days=days)), label, days == filters.days)  # type: ignore[arg-type]


def _url(filters: Filters, **changes: str) -> str:
    return url_for("portal_usage.show", **filters.query(**changes))  # type: ignore[arg-type]


def _choices(texts: Texts, policy: Policy, names: Sequence[Name], filters: Filters) -> tuple[Choice, ...]:
    modules = {name.module: policy.label_of(name.module, texts.language) for name in names}
    sites = {name.site: name.site or texts.gettext("The shop itself") for name in names}
    sources = {name.source: name.source or texts.gettext("No integration named") for name in names}
    return tuple(
        choice
        for choice in (
            _choice("module", texts.gettext("Module"), modules, filters.module, texts.language),
            _choice("site", texts.gettext("Site"), sites, filters.site, texts.language),
            _choice("source", texts.gettext("Integration"), sources, filters.source, texts.language),
        )
        if len(choice.options) > 1 or any(option.is_chosen for option in choice.options)
    )


def _choice(name: str, label: str, values: dict[str, str], chosen: str | None, language: Language) -> Choice:
    if chosen is not None:
        values = {chosen: chosen, **values}
    ordered = sorted(values.items(), key=lambda item: (item[0] == "", item[1].casefold()))
    options = (Option(value or _NONE, isolate(text, language), value == chosen) for value, text in ordered)
    return Choice(name, label, tuple(options))


def _day(texts: Texts, policy: Policy, found: ShownDay) -> Day:
    language, more = texts.language, found.more
    return Day(
        iso=found.day.isoformat(),
        label=day(found.day, language),
        tokens=_tokens(texts, found.tokens),
        units=texts.ngettext("{n} processed", "{n} processed", found.units),
        lines=tuple(_line(texts, policy, row) for row in found.rows),
        more=texts.ngettext("{n} more row is in the file.", "{n} more rows are in the file.", more) if more else "",
    )


def _line(texts: Texts, policy: Policy, row: UsageRow) -> Line:
    language = texts.language
    return Line(
        module=isolate(policy.label_of(row.module, language), language),
        operation=isolate(row.operation, language),
        site=isolate(row.site, language),
        source=isolate(row.source, language),
        units=number(row.units, language),
        tokens=number(row.tokens, language),
    )


def _csv_rows(
    connection: Connection, buyer: Buyer, filters: Filters, texts: Texts, *, now: datetime
) -> Iterator[Sequence[str | int]]:
    policy = accounts.get_policy(connection, buyer.store.id)
    last = today_of(buyer.store, now)
    every = texts.gettext("All")
    module = every if filters.module is None else policy.label_of(filters.module, texts.language)
    yield (texts.gettext("Usage"), buyer.store.name)
    yield (texts.gettext("From"), (last - timedelta(days=filters.days - 1)).isoformat())
    yield (texts.gettext("To"), last.isoformat(), zone_name(buyer.store.calendar.zone))
    yield (texts.gettext("Module"), module)
    yield (texts.gettext("Site"), _named(filters.site, every, texts.gettext("The shop itself")))
    yield (texts.gettext("Integration"), _named(filters.source, every, texts.gettext("No integration named")))
    yield ()
    yield (
        texts.gettext("Day"),
        texts.gettext("Module"),
        texts.gettext("Operation"),
        texts.gettext("Site"),
        texts.gettext("Integration"),
        texts.gettext("Processed"),
        texts.gettext("Tokens"),
    )
    units = tokens = 0
    for row in account_usage.iterate_rows(connection, filters.wanted(buyer, last)):
        units, tokens = units + row.units, tokens + row.tokens
        label = policy.label_of(row.module, texts.language)
        yield (row.day.isoformat(), label, row.operation, row.site, row.source, row.units, row.tokens)
    yield (texts.gettext("Total"), "", "", "", "", units, tokens)


def _named(value: str | None, every: str, nothing: str) -> str:
    return every if value is None else value or nothing


def _tokens(texts: Texts, count: int) -> str:
    return texts.ngettext("{n} token", "{n} tokens", count)


def _filters() -> Filters:
    days = request.args.get("days", str(SPANS[0]))
    if days not in {str(span) for span in SPANS}:
        raise InvalidRequest(fields=[FieldError("days", "choose 30, 90 or 365 days")])
    return Filters(int(days), _chosen_value("module"), _chosen_value("site"), _chosen_value("source"))


def _chosen_value(name: str) -> str | None:
    value = request.args.get(name, "")[:_LONGEST]
    return None if not value else "" if value == _NONE else value


def _before() -> date | None:
    text = request.args.get("before")
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(fields=[FieldError("before", "must be a day such as 2026-11-26")]) from error
