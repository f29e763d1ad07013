"""The health of a shop as stored JSON: documents set aside, stopped runs, scans, the caretaker and problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bridge.domain.accounts.amounts import Reason, Unreadable
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.health import Caretaker, Scan, SetAside, Stop
from bridge.domain.shop.issues import Code, Issue, OtherInstallation, UnclearAmount
from bridge.storage.engine.json_times import pack_time, unpack_time

Json = dict[str, Any]

_MOST_ISSUES = 100


def pack(name: str, value: Any) -> Any:
    """Return the value of a column as stored; values of plain columns are returned unchanged."""
    packer = _PACKERS.get(name)
    return value if packer is None or value is None else packer(value)


def read_access(document: Mapping[str, Any] | None) -> ShopAccess:
    """Return the stored access; the default if it cannot be read."""
    found = document or {}
    root, refused_at = found.get("root"), found.get("query_refused_at")
    return ShopAccess(
        root=root if isinstance(root, str) and root.startswith("/") and not root.startswith("//") else "",
        has_keys_in_query=found.get("has_keys_in_query") is True,
        query_refused_at=refused_at if type(refused_at) is int else 0,
    )


def read_set_aside(document: Mapping[str, Any]) -> SetAside:
    """Return a stored document that was set aside."""
    return SetAside(
        str(document["kind"]),
        int(document["number"]),
        str(document["why"]),
        unpack_time(document["since"]) or datetime.fromtimestamp(0, UTC),
        int(document.get("above", 0)),
        int(document.get("below", 0)),
        unpack_time(document.get("after")),
        unpack_time(document.get("until")),
    )


def read_stop(document: Mapping[str, Any]) -> Stop:
    """Return the stored reason why runs of one kind stop."""
    since = unpack_time(document["since"]) or datetime.fromtimestamp(0, UTC)
    return Stop(since, str(document["code"]), str(document["why"]))


def read_scan(document: Mapping[str, Any] | None) -> Scan:
    """Return the stored progress in a shop that cannot list its changes."""
    if not document:
        return Scan()
    return Scan(int(document["page"]), int(document["total"]), unpack_time(document["done_at"]))


def read_caretaker(document: Mapping[str, Any] | None) -> Caretaker | None:
    """Return the stored installation that manages the webhooks."""
    return Caretaker(str(document["url"]), tuple(document["installations"])) if document else None


def read_issues(documents: Sequence[Mapping[str, Any]] | None) -> dict[str, Issue]:
    """Return the stored problems of the last check by key; problems with an unknown code are left out."""
    found = [_read_issue(document) for document in documents or () if document["code"] in set(Code)]
    return {issue.key: issue for issue in found}


def _pack_access(access: ShopAccess) -> Json:
    return asdict(access)


def _pack_set_aside(one: SetAside) -> Json:
    found: Json = {"kind": one.kind, "number": one.number, "why": one.why[:300]}
    found |= {"since": pack_time(one.since), "above": one.above, "below": one.below}
    return found | {name: pack_time(at) for name in ("after", "until") if (at := getattr(one, name)) is not None}


def _pack_every_set_aside(every: Sequence[SetAside]) -> list[Json] | None:
    return [_pack_set_aside(one) for one in every] or None


def _pack_stops(stops: Mapping[str, Stop]) -> Json | None:
    found = {
        kind: {"since": pack_time(stop.since), "code": stop.code, "why": stop.why[:500]} for kind, stop in stops.items()
    }
    return found or None


def _pack_scan(scan: Scan) -> Json:
    return {"page": scan.page, "total": scan.total, "done_at": pack_time(scan.done_at)}


def _pack_caretaker(caretaker: Caretaker) -> Json:
    return {"url": caretaker.url, "installations": list(caretaker.installations)}


def _pack_issues(found: Sequence[Issue]) -> list[Json] | None:
    return [_pack_issue(issue) for issue in found[:_MOST_ISSUES]] or None


def _pack_issue(issue: Issue) -> Json:
    """Return the values that differ from the defaults; only those are stored."""
    packed: Json = {
        "code": issue.code.value,
        "topics": list(issue.topics),
        "subject": issue.subject[:500],
        "reason": issue.reason[:500],
        "count": issue.count,
        "since": pack_time(issue.since),
        "is_keys_fault": issue.is_keys_fault,
        "resource": issue.resource,
        "resource_id": issue.resource_id,
        "set_aside": [_pack_set_aside(one) for one in issue.set_aside],
        "amounts": [asdict(one) for one in issue.amounts],
        "other": asdict(issue.other) if issue.other else None,
    }
    return {name: value for name, value in packed.items() if value or (value == 0 and name == "resource_id")}


def _read_issue(document: Mapping[str, Any]) -> Issue:
    other = document.get("other")
    return Issue(
        Code(document["code"]),
        tuple(document.get("topics", ())),
        subject=document.get("subject", ""),
        reason=document.get("reason", ""),
        count=document.get("count", 0),
        since=unpack_time(document.get("since")),
        is_keys_fault=document.get("is_keys_fault", False),
        resource=document.get("resource", ""),
        resource_id=document.get("resource_id"),
        set_aside=tuple(map(read_set_aside, document.get("set_aside", ()))),
        amounts=tuple(map(_read_amount, document.get("amounts", ()))),
        other=OtherInstallation(**other) if other else None,
    )


def _read_amount(document: Mapping[str, Any]) -> UnclearAmount:
    value = document["value"]
    unreadable = Unreadable(value["key"], value["value"], Reason(value["reason"]))
    return UnclearAmount(document["product_id"], document["variation_id"], document["name"], unreadable)


_PACKERS: dict[str, Callable[[Any], Any]] = {
    "access": _pack_access,
    "set_aside": _pack_every_set_aside,
    "stopped": _pack_stops,
    "scan": _pack_scan,
    "caretaker": _pack_caretaker,
    "issues": _pack_issues,
}
