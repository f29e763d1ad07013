"""The sentence about the time zone of a new store."""

from __future__ import annotations

from bridge.domain.stores.zones import Origin, ZoneSource

_REASONS = {
    Origin.SHOP: "as set in the shop",
    Origin.UNREACHABLE: "because the shop could not be reached",
    Origin.NOT_STATED: "because the shop does not state its own",
}


def describe(source: ZoneSource | None) -> str:
    """Return the time zone and why it was chosen; empty where the owner chose it."""
    return "" if source is None else f"Time zone: {source.zone}, {_REASONS[source.origin]}."
