"""The API of the use of a whole store."""

from __future__ import annotations

import re
from datetime import date, timedelta

from flask import Blueprint, Response, request

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import encode_id
from bridge.services.admin import store_stats
from bridge.services.admin import usage as service
from bridge.services.admin.usage import MAX_DAYS, GroupedUse, Grouping
from bridge.services.stores import settings
from bridge.web.api.answers.usage import StoreUsageOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.responses import json_response
from bridge.web.context import reading, utcnow

bp = Blueprint("api_usage", __name__, url_prefix="/v1/usage")

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ONE = f"({'|'.join(Grouping)})"
_QUERY = (
    Parameter(
        "from",
        "First day in the store's time zone; 29 days before `to` by default.",
        {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
        "2026-10-28",
    ),
    Parameter(
        "to",
        f"Last day, included; today by default. At most {MAX_DAYS} days.",
        {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
        "2026-11-26",
    ),
    Parameter(
        "by",
        "Properties to group by, separated by commas; `day` by default.",
        {"type": "string", "pattern": f"^{_ONE}(,{_ONE})*$"},
        "day,module",
    ),
)


@bp.get("")
@store_key
@operation("Get the usage of the store", tag="Store", answer=StoreUsageOut, query=_QUERY, errors=(UsageRangeTooLarge,))
def store_usage() -> Response:
    """Return the usage of all users and guests in a range of days.

    A store with more than 5,000 users gets figures that jobs keep; `as_of` is
    their time: at most a minute ago by day and module, five minutes otherwise.
    """
    by, now = _groupings(), utcnow()
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        last = _day("to") or store_stats.today_of(store, now)
        first = _day("from") or last - min(timedelta(days=store_stats.USAGE_DAYS - 1), last - date.min)
        if first > last:
            raise InvalidRequest(fields=[FieldError("from", "must not be after to")])
        if (last - first).days >= MAX_DAYS:
            raise InvalidRequest(fields=[FieldError("from", f"the range may have at most {MAX_DAYS} days")])
        found = service.use_of_store(connection, store, first, last, by, now=now)
    document = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "by": [each.value for each in Grouping if each in by],
        "items": [_item_document(item, by) for item in found.items],
        "as_of": format_timestamp(found.as_of),
    }
    return json_response(document)


def _item_document(item: GroupedUse, by: frozenset[Grouping]) -> Document:
    properties = {
        Grouping.DAY: {"day": None if item.day is None else item.day.isoformat()},
        Grouping.MODULE: {"module": item.module},
        Grouping.OPERATION: {"operation": item.operation or None},
        Grouping.SITE: {"site": item.site_name, "site_id": encode_id("si", item.site_id) if item.site_id else None},
        Grouping.SOURCE: {"source": item.source or None},
    }
    document: Document = {}
    for grouping in Grouping:
        if grouping in by:
            document |= properties[grouping]
    return {**document, "units": item.units, "tokens": item.tokens}


def _groupings() -> frozenset[Grouping]:
    parts = request.args.get("by", Grouping.DAY.value).split(",")
    if any(part not in set(Grouping) for part in parts):
        raise InvalidRequest(fields=[FieldError("by", f"use {', '.join(Grouping)}, separated by commas")])
    return frozenset(map(Grouping, parts))


def _day(name: str) -> date | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(_DAY, text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidRequest(fields=[FieldError(name, "must be a day such as 2026-11-26")])
