"""The view of a store's Connection page: the steps of connecting, the problems, and the sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bridge.domain.shop.authorization import callback_fault
from bridge.domain.shop.issues import Code, Issue
from bridge.domain.shop.monitor import notice_issues
from bridge.domain.shop.subscriptions import TOPICS
from bridge.domain.stores.stores import Store
from bridge.rendering import issues
from bridge.services.secrets import Vault
from bridge.services.shop import connection as connections
from bridge.services.shop import subscriptions
from bridge.services.shop.connection import ConnectionState, Progress
from bridge.services.stores import access_keys as keys
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

_UNAPPLIED = 10
"""How many of the orders that could not be applied are listed."""

_REMEDIES = {
    Code.NO_KEYS: "keys",
    Code.KEYS_READ_ONLY: "keys",
    Code.WEBHOOK_MISSING: "webhooks",
    Code.WEBHOOK_PAUSED: "webhooks",
    Code.WEBHOOK_DISABLED: "webhooks",
    Code.WEBHOOK_WRONG_URL: "webhooks",
    Code.WEBHOOK_OTHER_INSTANCE: "webhooks",
    Code.COPY: "webhooks",
    Code.WRONG_SECRET: "webhooks",
    Code.OWNER_DEMOTED: "webhooks",
    Code.CONSUMER_SECRET: "webhooks",
    Code.NO_PACKAGES: "packages",
    Code.UNREADABLE_AMOUNT: "packages",
}
"""The problems that a button of the page can solve, with the step of that button."""


_NO_PACKAGES = (
    "No product grants tokens yet: {first}set the tokens of each package on the Packages page. Or give the product in"
    " WooCommerce the custom fields is_token_package (yes) and tokens_granted (5000)."
)
_IMPORT = "Import products reads every product of the shop and changes nothing there."
_IMPORT_LATER = (
    "Products can be imported when there are API keys. Until then, each product appears with its first order."
)


class State(StrEnum):
    """The state of a step: done, to be done by the admin, waiting for the shop, or failed."""

    DONE = "done"
    OPEN = "open"
    WAITING = "waiting"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of connecting; `at` is when it was last found to be done.

    `is_next` marks the first step that is left. `effect` says what the step's
    button will do.
    """

    key: str
    title: str
    state: State
    sentence: str
    at: LocalTime | None = None
    effect: str = ""
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A problem; `remedy` is the step whose button helps, `site` a site to accept; both may be empty."""

    code: str
    sentence: str
    remedy: str
    site: str = ""


@dataclass(frozen=True, slots=True)
class SyncView:
    """The progress of the sync: every change up to `cursor` is applied; `unapplied` lists what stops it."""

    polled: LocalTime | None
    cursor: LocalTime | None
    last_full_scan: LocalTime | None
    unapplied: tuple[str, ...]
    unapplied_more: int


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """An access key of the store; only its prefix may be shown."""

    id: int
    prefix: str
    created: LocalTime
    used: LocalTime | None


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """The contents of the Connection page; `new_key` is a new access key, shown only once."""

    store: Store
    open_questions: str
    zone: str
    steps: tuple[Step, ...]
    done: int
    faults: tuple[FaultRow, ...]
    faults_since: LocalTime | None
    looked: LocalTime | None
    reading: SyncView
    webhook_url: str
    ask_fault: str
    has_keys: bool
    other_site: str
    delivery_fault: str
    is_local_trial: bool
    access_keys: tuple[AccessKeyRow, ...]
    new_key: str = ""
    error: str = ""


def build(
    connection: Connection, store: Store, *, public_url: str, vault_: Vault, new_key: str = "", error: str = ""
) -> ConnectionPage:
    """Return the page from stored data; the shop is not called."""
    state, zone = connections.describe(connection, store, public_url=public_url, vault_=vault_), store.calendar.zone
    known, access_keys = state.known, keys.list_keys(connection, store)
    faults = _fault_rows(state)
    ask_fault = callback_fault(public_url, shop_url=store.url)
    steps = (
        _keys_step(state.key_ending, is_by_hand=bool(ask_fault)),
        _answer_step(store, state, faults),
        _webhooks_step(store, state, faults),
        _packages_step(state),
        _history_step(store, state),
        _delivery_step(store, state),
        _access_step(keys_used=[key.last_used_at for key in access_keys]),
    )
    return ConnectionPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(zone),
        steps=_with_next(steps),
        done=sum(step.state is State.DONE for step in steps),
        faults=faults,
        faults_since=_local(store, known.faults_at) if faults else None,
        looked=_local(store, known.looked_at),
        reading=SyncView(
            polled=_local(store, known.polled_at),
            cursor=_local(store, known.cursor_at),
            last_full_scan=_local(store, known.swept_at),
            unapplied=known.unapplied[:_UNAPPLIED],
            unapplied_more=max(0, len(known.unapplied) - _UNAPPLIED),
        ),
        webhook_url=f"{public_url}{subscriptions.PATH}{store.slug}",
        ask_fault=ask_fault,
        has_keys=bool(state.key_ending),
        other_site=state.other_site,
        delivery_fault=state.address_fault,
        is_local_trial=state.is_local_trial,
        access_keys=tuple(
            AccessKeyRow(key.id, key.prefix, local_time(key.created_at, zone), _local(store, key.last_used_at))
            for key in access_keys
        ),
        new_key=new_key,
        error=error,
    )


def _fault_rows(state: ConnectionState) -> tuple[FaultRow, ...]:
    """Return the notices from deliveries since the last check, and the problems found by it."""
    known = state.known
    reported = [_fault_row(issue) for issue in notice_issues(state.notices) if issue.key not in known.faults]
    return (*reported, *(_fault_row(known.issues.get(key) or key) for key in state.issues))


def _fault_row(issue: Issue | str) -> FaultRow:
    """Return the row of a problem, or of a stored key without parameters."""
    if isinstance(issue, str):
        code = issue.partition(" ")[0]
        return FaultRow(code, code.replace("_", " "), "")
    site = issue.subject if issue.code is Code.OTHER_SITE else ""
    return FaultRow(issue.code.value, issues.describe(issue), _REMEDIES.get(issue.code, ""), site)


def _keys_step(ending: str, *, is_by_hand: bool) -> Step:
    title = "API keys"
    effect = "opens the shop, where you approve; the shop then sends its keys here automatically"
    if not ending:
        sentence = "No API keys yet. Without them, missed orders cannot be fetched, and webhooks cannot be checked."
        action = "Enter the keys by hand, below." if is_by_hand else f"Get keys from the shop {effect}."
        return Step("keys", title, State.OPEN, sentence, effect=action)
    sentence = f"The API keys are stored; the consumer key ends in …{ending}."
    action = "" if is_by_hand else f"Reconnect {effect}. They replace these keys."
    return Step("keys", title, State.DONE, sentence, effect=action)


def _answer_step(store: Store, state: ConnectionState, faults: Sequence[FaultRow]) -> Step:
    known = state.known
    title, at = "The shop answers", _local(store, known.looked_at)
    if not state.key_ending:
        return Step("answer", title, State.WAITING, "The shop is checked when there are keys.")
    repairs = " and recreates webhooks of this service that are missing or disabled" if known.webhooks_set_at else ""
    effect = f"Check now reads the state of the shop{repairs}."
    for fault in faults:
        if fault.code in {Code.SHOP, Code.KEYS_READ_ONLY}:
            return Step("answer", title, State.WRONG, _sentence(fault.sentence), at, effect)
    if known.looked_at is None:
        return Step("answer", title, State.OPEN, "The keys have not been used yet.", effect=effect)
    return Step("answer", title, State.DONE, "The keys can read and write.", at, effect)


def _webhooks_step(store: Store, state: ConnectionState, faults: Sequence[FaultRow]) -> Step:
    known, has_keys = state.known, bool(state.key_ending)
    title, at = "Webhooks", _local(store, known.webhooks_set_at)
    count = len(TOPICS)
    wrong = next((fault for fault in faults if fault.remedy == "webhooks"), None)
    is_seen = has_keys and known.looked_at is not None and not any(fault.code == Code.SHOP for fault in faults)
    if known.webhooks_set_at is None and (wrong is not None or not is_seen):
        effect = f"Install webhooks creates {count} webhooks in the shop. Other webhooks are not changed."
        sentence = "The shop reports each order, product and customer through webhooks. They are not installed yet."
        if not has_keys:
            arrive = "Deliveries arrive. " if state.last_delivery_at is not None else ""
            sentence = f"{arrive}Without API keys, this service can neither install nor check webhooks."
            effect = (
                "Enter API keys first. Or add the webhooks in WooCommerce by hand, with the address below and the"
                " webhook secret that flask stores add printed."
            )
        return Step("webhooks", title, State.OPEN, sentence, effect=effect)
    effect = "Repair webhooks creates missing webhooks and replaces disabled ones. Other webhooks are not changed."
    if wrong is not None:
        return Step("webhooks", title, State.WRONG, _sentence(wrong.sentence), at, effect)
    sentence = f"All {count} are installed, signed with this store’s secret."
    return Step("webhooks", title, State.DONE, sentence, at, effect)


def _packages_step(state: ConnectionState) -> Step:
    title, count, has_keys = "Packages", state.packages, bool(state.key_ending)
    if state.importing is not None:
        words = f"The products are being imported: {_progress(state.importing)}. Reload this page to see the progress."
        return Step("packages", title, State.WAITING, words)
    if not count:
        words = _NO_PACKAGES.format(first="import the products, then " if has_keys else "")
        return Step("packages", title, State.OPEN, words, effect=_IMPORT if has_keys else _IMPORT_LATER)
    are = "1 product grants" if count == 1 else f"{number(count)} products grant"
    return Step("packages", title, State.DONE, f"{are} tokens.", effect=_IMPORT if has_keys else "")


def _progress(progress: Progress) -> str:
    of = f" of {number(progress.total)}" if progress.total else ""
    return f"{number(progress.done)}{of} so far"


def _history_step(store: Store, state: ConnectionState) -> Step:
    title, granting = "Past orders", state.granting_past
    if store.history == "ask":
        sentence = (
            "Should orders placed before the shop was connected grant tokens? Until you choose, such an order"
            " grants tokens only if the shop reports a change to it."
        )
        effect = (
            "Grant past orders gives the buyers of completed orders their tokens. Start from today gives them none;"
            " you can still grant them later."
        )
        return Step("history", title, State.OPEN, sentence, effect=effect)
    if store.history == "skip":
        begin = local_time(store.grants_from, store.calendar.zone).day if store.grants_from else ""
        sentence = f"Orders placed since {begin} grant tokens; earlier ones do not."
        effect = "Grant past orders gives the buyers of earlier completed orders their tokens."
        return Step("history", title, State.DONE, sentence, effect=effect)
    if granting is not None:
        words = f"Past orders are being granted: {_progress(granting)}. Reload this page to see more."
        return Step("history", title, State.WAITING, words)
    if state.left_out:
        orders = "1 order" if state.left_out == 1 else f"{number(state.left_out)} orders"
        words = f"Past orders grant tokens as well, except {orders} for which “Leave it” was chosen."
        return Step("history", title, State.DONE, words)
    return Step("history", title, State.DONE, "Past orders grant tokens as well.")


def _delivery_step(store: Store, state: ConnectionState) -> Step:
    title, known, last = "First delivery", state.known, state.last_delivery_at
    if last is not None:
        return Step(
            "delivery", title, State.DONE, "Deliveries arrive, signed with this store’s secret.", _local(store, last)
        )
    how = "To test it, open a product in the shop and press Update: a delivery arrives within minutes."
    if known.pinged_at is not None:
        at = local_time(known.pinged_at, store.calendar.zone).text
        how = f"The shop’s test request, which is not signed, arrived on {at}. {how}"
    if known.bad_signature_at is not None:
        at = local_time(known.bad_signature_at, store.calendar.zone).text
        how = (
            f"A delivery with another signature arrived on {at}. If the shop sent it, its webhook has another secret."
            f" {how}"
        )
    return Step("delivery", title, State.WAITING, how)


def _access_step(*, keys_used: Sequence[datetime | None]) -> Step:
    title, effect = "Access key", "Create access key creates another key and shows it once."
    if not keys_used:
        sentence = "AI features call this service with an access key of the store. There is no key yet."
        return Step("access", title, State.OPEN, sentence, effect=effect)
    if not any(keys_used):
        return Step("access", title, State.DONE, "There is an access key; it has not been used yet.", effect=effect)
    return Step("access", title, State.DONE, "The access key is in use.", effect=effect)


def _with_next(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps, with the first one marked that the admin can act on."""
    first = next((step for step in steps if step.state in {State.OPEN, State.WRONG}), None)
    return tuple(replace(step, is_next=True) if step is first else step for step in steps)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _local(store: Store, at: datetime | None) -> LocalTime | None:
    return None if at is None else local_time(at, store.calendar.zone)
