"""The view of the page that connects a WordPress site by its plugin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bridge.config import ROOT
from bridge.domain.shop.connect_codes import LIFE
from bridge.domain.stores.public_address import is_loopback
from bridge.domain.stores.stores import Store
from bridge.services.ops import plugin_archive
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

PLUGIN = plugin_archive.folder_in(ROOT)
"""The plugin of this checkout."""
_KIB = 1024


class State(StrEnum):
    """The state of a code: waiting for the site, used by it, or too old."""

    WAITING = "waiting"
    CONNECTED = "connected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code: its text, which is empty unless it was just created, and the page that says what became of it."""

    text: str
    state: State
    follow_url: str
    ends: LocalTime


@dataclass(frozen=True, slots=True)
class WordPressPage:
    """The three steps: download, code, paste.

    `download_size` is empty if the checkout has no plugin. `stores` are those that
    could be connected instead of a new one.
    """

    store: Store | None
    stores: tuple[Store, ...]
    download_size: str
    address: str
    is_local: bool
    minutes: int
    zone: str
    code: ShownCode | None = None
    open_questions: str = ""


def build(
    store: Store | None,
    *,
    stores: tuple[Store, ...],
    public_url: str,
    code: ShownCode | None = None,
    open_questions: str = "",
) -> WordPressPage:
    """Return the page for a store, or for a new one."""
    archive = plugin_archive.find_archive(PLUGIN)
    return WordPressPage(
        store=store,
        stores=stores,
        download_size="" if archive is None else f"{number(max(1, round(len(archive) / _KIB)))} KB",
        address=public_url,
        is_local=is_loopback(public_url),
        minutes=int(LIFE.total_seconds()) // 60,
        zone=zone_name(UTC if store is None else store.calendar.zone),
        code=code,
        open_questions=open_questions,
    )


def show_code(
    store: Store | None, *, text: str, follow_url: str, expires_at: datetime, used_at: datetime | None, now: datetime
) -> ShownCode:
    """Return a code in its state."""
    state = State.CONNECTED if used_at else State.WAITING if now < expires_at else State.EXPIRED
    ends = local_time(expires_at, UTC if store is None else store.calendar.zone)
    return ShownCode(text, state, follow_url, ends)
