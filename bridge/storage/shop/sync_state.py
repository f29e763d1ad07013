"""The progress of reading each store's shop, and the last observed state of its webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, text, update

from bridge.domain.orders.review_items import Question
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.health import Caretaker, Scan, SetAside, Stop
from bridge.domain.shop.inbox import Notice, NoticeKind, State
from bridge.domain.shop.issues import Issue
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.ids import first_id_at
from bridge.storage.engine.json_times import pack_time, unpack_time
from bridge.storage.orders.tables import order_lines, orders, packages
from bridge.storage.shop import packing
from bridge.storage.shop.tables import deliveries, sync_states

# Written as in the partial index: with a parameter, SQLite would read all orders of the store.
_HAS_QUESTION = text("orders.question <> ''")


@dataclass(frozen=True, slots=True)
class ShopRead:
    """The progress of reading a shop: every change before a cursor is applied; None if nothing was read yet.

    Full scan: `swept_to` is the last order number checked, None between scans.

    Deliveries: `bad_signature_at` is the last delivery that the shop did not sign.
    `shop_error_at` is the last signed error in place of a document, and
    `shop_error_topic` its topic. `pinged_at` is the last ping, which a shop sends to
    a new webhook's address. `webhooks_set_at` is when all webhooks last got our
    secret and owner.

    Monitor: `looked_at` is the last check, `faults` the keys of the problems it
    found, `faults_at` since when these are the same, and `issues` each problem with
    its parameters. `caretaker` is the installation that manages the webhooks.

    Runs: `tried_at` is when a run last began. `unapplied` has a sentence for each
    order that the last poll could not apply. `import_page` is the page at which an
    import continues, None between imports, and `import_total` the number of
    products. A run that grants past orders has read `past_done` of `past_total`.
    `access` is how the REST API was last reached. `set_aside` has documents that the
    shop could not return or that could not be applied; they are retried each night.
    `stopped` says why, and since when, runs of a kind do not finish. `scan` is the
    progress in a shop that cannot list its changes.
    """

    cursor_at: datetime | None = None
    trash_cursor_at: datetime | None = None
    swept_to: int | None = None
    swept_at: datetime | None = None
    polled_at: datetime | None = None
    bad_signature_at: datetime | None = None
    shop_error_at: datetime | None = None
    shop_error_topic: str = ""
    webhooks_set_at: datetime | None = None
    faults: tuple[str, ...] = ()
    faults_at: datetime | None = None
    issues: Mapping[str, Issue] = field(default_factory=dict)
    looked_at: datetime | None = None
    pinged_at: datetime | None = None
    unapplied: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    import_page: int | None = None
    import_total: int = 0
    past_done: int | None = None
    past_total: int = 0
    access: ShopAccess = field(default_factory=ShopAccess)
    set_aside: tuple[SetAside, ...] = ()
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    scan: Scan = field(default_factory=Scan)
    caretaker: Caretaker | None = None
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order with its open review items; `user_id` is its user, None if it has no account."""

    number: int
    question: Question
    email: str
    name: str
    placed_at: datetime | None
    total: Decimal
    currency: str
    user_id: int | None


def find(connection: Connection, store_id: int) -> ShopRead:
    """Return the progress of reading a store's shop."""
    row = connection.execute(select(sync_states).where(sync_states.c.store_id == store_id)).one_or_none()
    if row is None:
        return ShopRead()
    return ShopRead(
        cursor_at=row.cursor_at,
        trash_cursor_at=row.trash_cursor_at,
        swept_to=row.swept_to,
        swept_at=row.swept_at,
        polled_at=row.polled_at,
        bad_signature_at=row.bad_signature_at,
        shop_error_at=row.shop_error_at,
        shop_error_topic=row.shop_error_topic or "",
        webhooks_set_at=row.webhooks_set_at,
        faults=tuple(row.faults or ()),
        faults_at=row.faults_at,
        issues=packing.read_issues(row.issues),
        looked_at=row.looked_at,
        pinged_at=row.pinged_at,
        unapplied=tuple(row.unapplied or ()),
        notices=tuple(
            Notice(NoticeKind(kind), unpack_time(at), detail) for kind, (at, detail) in (row.notices or {}).items()
        ),
        import_page=row.import_page,
        import_total=row.import_total or 0,
        past_done=row.past_done,
        past_total=row.past_total or 0,
        access=packing.read_access(row.access),
        set_aside=tuple(packing.read_set_aside(entry) for entry in row.set_aside or ()),
        stopped={kind: packing.read_stop(entry) for kind, entry in (row.stopped or {}).items()},
        scan=packing.read_scan(row.scan),
        caretaker=packing.read_caretaker(row.caretaker),
        tried_at=row.tried_at,
    )


def change(connection: Connection, store_id: int, **values: Any) -> None:
    """Set some fields of `ShopRead` in a store's row; None clears one."""
    values = {name: packing.pack(name, value) for name, value in values.items()}
    at = sync_states.c.store_id == store_id
    if connection.execute(update(sync_states).where(at).values(**values)).rowcount == 0:
        connection.execute(insert(sync_states).values(store_id=store_id, **values))


def note(connection: Connection, store_id: int, notice: Notice) -> None:
    """Store a notice from a delivery; only the latest of each kind is kept."""
    known = connection.execute(select(sync_states.c.notices).where(sync_states.c.store_id == store_id)).scalar()
    change(
        connection,
        store_id,
        notices={**(known or {}), notice.kind.value: [pack_time(notice.at), notice.detail[:300]]},
    )


def forget_notice(connection: Connection, store_id: int, kind: NoticeKind) -> None:
    """Delete the notice of a kind."""
    known = connection.execute(select(sync_states.c.notices).where(sync_states.c.store_id == store_id)).scalar()
    if known and kind.value in known:
        left = {name: value for name, value in known.items() if name != kind.value}
        change(connection, store_id, notices=left or None)


def list_due_for_full_scan(
    connection: Connection, store_id: int, *, since: datetime, after: int, limit: int
) -> list[int]:
    """Return the numbers above `after` of orders since `since` with grants, refunds or open review items.

    The last write of a row does not count: the full scan writes it itself, and
    would include the order in every later scan.
    """
    has_grants = (
        select(order_lines.c.line_id)
        .where(
            order_lines.c.store_id == orders.c.store_id,
            order_lines.c.order_number == orders.c.number,
            order_lines.c.granted > 0,
        )
        .exists()
    )
    statement = (
        select(orders.c.number)
        .where(
            orders.c.store_id == store_id,
            orders.c.number > after,
            or_(orders.c.placed_at >= since, orders.c.modified_at >= since, orders.c.created_at >= since),
            or_(has_grants, orders.c.refunds.is_not(None), _HAS_QUESTION, orders.c.is_parked),
        )
        .order_by(orders.c.number)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def last_delivery(
    connection: Connection,
    store_id: int,
    *,
    kinds: Sequence[str] = (),
    topic: str = "",
    state: State | None = None,
    until: datetime | None = None,
) -> datetime | None:
    """Return when the last signed delivery of a shop arrived; optionally only of some kinds, a topic or a state.

    Deliveries after `until` do not count.
    """
    statement = select(deliveries.c.received_at).where(deliveries.c.store_id == store_id)
    if kinds:
        statement = statement.where(or_(*(deliveries.c.topic.startswith(f"{kind}.") for kind in kinds)))
    if topic:
        statement = statement.where(deliveries.c.topic == topic)
    if state is not None:
        statement = statement.where(deliveries.c.state == state.value)
    # Ids follow the clock, so the newest delivery is found without reading all of them.
    newest = statement.order_by(deliveries.c.id.desc()).limit(1)
    if until is None:
        return connection.execute(newest).scalar()
    edge = first_id_at(until)
    found = [
        connection.execute(newest.where(deliveries.c.id < edge)).scalar(),
        # After its clock was set back, a process continues to count from its last id.
        connection.execute(newest.where(deliveries.c.id >= edge, deliveries.c.received_at <= until)).scalar(),
    ]
    return max((moment for moment in found if moment is not None), default=None)


def list_reported(
    connection: Connection, store_id: int, numbers: Sequence[int], *, since: datetime
) -> dict[int, datetime]:
    """Return when each of these orders was last delivered since a moment, signed with our secret."""
    if not numbers:
        return {}
    last = func.max(deliveries.c.received_at, type_=deliveries.c.received_at.type)
    statement = (
        select(deliveries.c.resource_id, last)
        .where(
            deliveries.c.store_id == store_id,
            deliveries.c.received_at >= since,
            deliveries.c.resource_id.in_(numbers),
            deliveries.c.topic.startswith("order."),
        )
        .group_by(deliveries.c.resource_id)
    )
    return {number: at for number, at in connection.execute(statement) if number is not None}


def count_packages(connection: Connection, store_id: int) -> int:
    """Return how many stored products of a store grant tokens."""
    tokens = func.coalesce(packages.c.admin_tokens, packages.c.shop_tokens)
    statement = select(func.count()).where(packages.c.store_id == store_id, tokens > 0)
    return int(connection.execute(statement).scalar_one())


def list_questions(connection: Connection, store_id: int, *, after: int, limit: int) -> list[OpenOrder]:
    """Return orders with an open review item, by number, above `after`."""
    buyers = accounts.alias()
    statement = (
        select(
            orders.c.number,
            orders.c.question,
            orders.c.email,
            orders.c.name,
            orders.c.placed_at,
            orders.c.total,
            orders.c.currency,
            func.coalesce(accounts.c.user_id, buyers.c.user_id).label("user_id"),
        )
        .join_from(orders, accounts, accounts.c.id == orders.c.account_id, isouter=True)
        .join(
            buyers,
            and_(buyers.c.store_id == orders.c.store_id, buyers.c.user_id == orders.c.customer_id),
            isouter=True,
        )
        .where(orders.c.store_id == store_id, _HAS_QUESTION, orders.c.number > after)
        .order_by(orders.c.number)
        .limit(limit)
    )
    return [
        OpenOrder(
            number=row.number,
            question=Question(row.question),
            email=row.email,
            name=row.name,
            placed_at=row.placed_at,
            total=row.total,
            currency=row.currency,
            user_id=row.user_id,
        )
        for row in connection.execute(statement)
    ]


def count_questions(connection: Connection, store_id: int, *, most: int) -> int:
    """Return how many orders have an open review item, counted up to `most`."""
    some = select(orders.c.number).where(orders.c.store_id == store_id, _HAS_QUESTION).limit(most)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())
