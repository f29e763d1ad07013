"""The connection page of a store: what was done of connecting its shop, what is left, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.connecting import callback_fault
from bridge.domain.languages import LocalTime, local_time, number, zone_name
from bridge.domain.stores import Store
from bridge.domain.watchdog import Code, without_command
from bridge.domain.webhooks import TOPICS
from bridge.services import keys, questions, webhooks
from bridge.services.shop_pages import PAGE
from bridge.services.vault import Vault
from bridge.storage import shop_reads, stores
from bridge.storage.database import Connection
from bridge.storage.shop_reads import ShopRead

_ENDING = 7
"""How many characters of a consumer key are shown, as many as WooCommerce itself shows in its list."""

_UNAPPLIED = 10
"""How many of the orders that could not be applied are named."""

_REMEDIES = {
    Code.NO_KEYS: "keys",
    Code.KEYS_READ_ONLY: "keys",
    Code.WEBHOOK_MISSING: "webhooks",
    Code.WEBHOOK_PAUSED: "webhooks",
    Code.WEBHOOK_DISABLED: "webhooks",
    Code.WEBHOOK_ASTRAY: "webhooks",
    Code.WEBHOOK_MOVED: "webhooks",
    Code.WRONG_SECRET: "webhooks",
    Code.OWNER_DEMOTED: "webhooks",
    Code.NO_PACKAGES: "packages",
    Code.UNREADABLE_AMOUNT: "packages",
}
"""The faults a button of the page can do something about, and the step that has it."""


_NO_PACKAGES = (
    "No product brings tokens yet: import the products, then give each package its tokens on the Packages page. Or give"
    " the product in WooCommerce the custom fields is_token_package (yes) and tokens_granted (5000)."
)


class State(StrEnum):
    """How a step stands: done, open to be done by hand, waiting for the shop, or gone wrong."""

    DONE = "done"
    OPEN = "open"
    WAITING = "waiting"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of connecting; `at` is when it was last seen to be done. `is_next` marks the first one left to do."""

    key: str
    title: str
    state: State
    sentence: str
    at: LocalTime | None = None
    is_next: bool = False


@dataclass(frozen=True, slots=True)
class FaultRow:
    """Something the watchdog found; `remedy` is the step whose button helps, empty where none does."""

    code: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the shop was read back: every change up to the cursor is applied; `unapplied` says why it stands."""

    polled: LocalTime | None
    cursor: LocalTime | None
    swept: LocalTime | None
    unapplied: tuple[str, ...]
    unapplied_more: int


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """An access key of the store, by the part of it that may be shown."""

    id: int
    prefix: str
    created: LocalTime
    used: LocalTime | None


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Everything the connection page prints; `new_key` is an access key just made, shown this once."""

    store: Store
    open_questions: str
    zone: str
    steps: tuple[Step, ...]
    done: int
    faults: tuple[FaultRow, ...]
    faults_since: LocalTime | None
    looked: LocalTime | None
    reading: Reading
    webhook_url: str
    ask_fault: str
    access_keys: tuple[AccessKeyRow, ...]
    new_key: str = ""
    error: str = ""


def connection_page(
    connection: Connection, store: Store, *, public_url: str, vault_: Vault, new_key: str = "", error: str = ""
) -> ConnectionPage:
    """The page by what is known here; the shop is not asked."""
    known, zone = shop_reads.find(connection, store.id), store.calendar.zone
    access_keys = keys.list_keys(connection, store)
    credentials = stores.credentials(connection, store.id)
    ending = vault_.open(credentials.consumer_key)[-_ENDING:] if credentials.consumer_key else ""
    faults = _faults(known)
    steps = (
        _keys_step(ending),
        _answer_step(store, known, faults, has_keys=bool(ending)),
        _webhooks_step(store, known, faults),
        _packages_step(shop_reads.count_packages(connection, store.id), known),
        _history_step(store, known),
        _delivery_step(store, known, shop_reads.last_delivery(connection, store.id)),
        _access_step(keys_used=[key.last_used_at for key in access_keys]),
    )
    return ConnectionPage(
        store=store,
        open_questions=questions.badge(connection, store.id),
        zone=zone_name(zone),
        steps=_with_next(steps),
        done=sum(step.state is State.DONE for step in steps),
        faults=faults,
        faults_since=_local(store, known.faults_at) if faults else None,
        looked=_local(store, known.looked_at),
        reading=Reading(
            polled=_local(store, known.polled_at),
            cursor=_local(store, known.cursor_at),
            swept=_local(store, known.swept_at),
            unapplied=known.unapplied[:_UNAPPLIED],
            unapplied_more=max(0, len(known.unapplied) - _UNAPPLIED),
        ),
        webhook_url=f"{public_url}{webhooks.PATH}{store.slug}",
        ask_fault=callback_fault(public_url, shop_url=store.url),
        access_keys=tuple(
            AccessKeyRow(key.id, key.prefix, local_time(key.created_at, zone), _local(store, key.last_used_at))
            for key in access_keys
        ),
        new_key=new_key,
        error=error,
    )


def _faults(known: ShopRead) -> tuple[FaultRow, ...]:
    rows = []
    for key in known.faults:
        code = key.partition(" ")[0]
        sentence = without_command(known.sentences.get(key, "")) or code.replace("_", " ")
        rows.append(FaultRow(code, sentence, _REMEDIES.get(Code(code), "") if code in set(Code) else ""))
    return tuple(rows)


def _keys_step(ending: str) -> Step:
    title = "REST keys"
    if not ending:
        return Step(
            "keys", title, State.OPEN, "The shop has given no keys yet: without them it can only tell, not be asked."
        )
    return Step("keys", title, State.DONE, f"The shop’s keys are here; the consumer key ends in …{ending}.")


def _answer_step(store: Store, known: ShopRead, faults: Sequence[FaultRow], *, has_keys: bool) -> Step:
    title, at = "The shop answers", _local(store, known.looked_at)
    if not has_keys:
        return Step("answer", title, State.WAITING, "It is asked as soon as there are keys.")
    for fault in faults:
        if fault.code in {Code.SHOP, Code.KEYS_READ_ONLY}:
            return Step("answer", title, State.WRONG, _sentence(fault.sentence), at)
    if known.looked_at is None or any(fault.code == Code.NO_KEYS for fault in faults):
        return Step("answer", title, State.OPEN, "Nobody has asked it yet.")
    return Step("answer", title, State.DONE, "It may be read and written.", at)


def _webhooks_step(store: Store, known: ShopRead, faults: Sequence[FaultRow]) -> Step:
    title, at = "Webhooks", _local(store, known.webhooks_set_at)
    for fault in faults:
        if fault.remedy == "webhooks":
            return Step("webhooks", title, State.WRONG, _sentence(fault.sentence), at)
    if known.webhooks_set_at is None:
        return Step("webhooks", title, State.OPEN, "By these the shop tells of each order, product and customer.")
    return Step("webhooks", title, State.DONE, f"All {len(TOPICS)} are installed, signed with this store’s secret.", at)


def _packages_step(count: int, known: ShopRead) -> Step:
    title = "Packages"
    if known.import_page is not None:
        read = min((known.import_page - 1) * PAGE, known.import_total)
        of = f" of {number(known.import_total)}" if known.import_total else ""
        words = f"The products are being read: {number(read)}{of} so far, the rest within minutes."
        return Step("packages", title, State.WAITING, words)
    if not count:
        return Step("packages", title, State.OPEN, _NO_PACKAGES)
    are = "1 product brings" if count == 1 else f"{number(count)} products bring"
    return Step("packages", title, State.DONE, f"{are} tokens.")


def _history_step(store: Store, known: ShopRead) -> Step:
    title = "Past orders"
    if store.history == "ask":
        sentence = "Shall orders placed before the shop was connected bring tokens? Until you answer they do not."
        return Step("history", title, State.OPEN, sentence)
    if store.history == "skip":
        begin = local_time(store.grants_from, store.calendar.zone).day if store.grants_from else ""
        return Step("history", title, State.DONE, f"Orders count from {begin}; what was placed before brings nothing.")
    if known.past_done is not None:
        of = f" of {number(known.past_total)}" if known.past_total else ""
        words = f"Past orders are being granted: {number(known.past_done)}{of} so far. Load the page again to see more."
        return Step("history", title, State.WAITING, words)
    return Step("history", title, State.DONE, "Past orders bring tokens as well.")


def _delivery_step(store: Store, known: ShopRead, last: datetime | None) -> Step:
    title = "First delivery"
    if last is not None:
        return Step(
            "delivery", title, State.DONE, "The shop delivers, signed with this store’s secret.", _local(store, last)
        )
    how = "Open a product in the shop and press Update: within minutes it should arrive."
    if known.pinged_at is not None:
        how = f"A test without signature came on {local_time(known.pinged_at, store.calendar.zone).text}. {how}"
    return Step("delivery", title, State.WAITING, how)


def _access_step(*, keys_used: Sequence[datetime | None]) -> Step:
    title = "Access key"
    if not keys_used:
        return Step("access", title, State.OPEN, "The AI features sign in with a key of this store; there is none yet.")
    if not any(keys_used):
        return Step("access", title, State.DONE, "There is a key for the AI features; none has used it yet.")
    return Step("access", title, State.DONE, "The AI features use their key.")


def _with_next(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, the first that somebody can do something about marked."""
    first = next((step for step in steps if step.state in {State.OPEN, State.WRONG}), None)
    return tuple(
        Step(step.key, step.title, step.state, step.sentence, step.at, is_next=True) if step is first else step
        for step in steps
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _local(store: Store, at: datetime | None) -> LocalTime | None:
    return None if at is None else local_time(at, store.calendar.zone)
