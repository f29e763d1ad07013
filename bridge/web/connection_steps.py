"""The steps of connecting a shop and its problems, for the Connection page and the WordPress plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bridge.domain.shop.issues import Code, Issue
from bridge.domain.shop.monitor import notice_issues
from bridge.domain.shop.subscriptions import TOPICS
from bridge.domain.stores.stores import Store
from bridge.rendering import issues
from bridge.services.shop.connection import ConnectionState, Progress
from bridge.web.i18n.formatting import LocalTime, local_time, number

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


def build_steps(
    store: Store,
    state: ConnectionState,
    faults: Sequence[FaultRow],
    *,
    keys_used: Sequence[datetime | None],
    is_by_hand: bool,
) -> tuple[Step, ...]:
    """Return the steps, with the first one marked that the admin can act on.

    `keys_used` has the last use of each access key; `is_by_hand` means that the shop
    would not send its REST keys by itself.
    """
    return _with_next(
        (
            _keys_step(state.key_ending, is_by_hand=is_by_hand),
            _answer_step(store, state, faults),
            _webhooks_step(store, state, faults),
            _packages_step(state),
            _history_step(store, state),
            _delivery_step(store, state),
            _access_step(keys_used=keys_used),
        )
    )


def fault_rows(state: ConnectionState) -> tuple[FaultRow, ...]:
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
    title, at = "The shop answers", store_time(store, known.looked_at)
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
    if store.deliveries == "plugin":
        sentence = "The WordPress plugin delivers every change itself, until it is accepted. Webhooks are not used."
        return Step("webhooks", "Deliveries", State.DONE, sentence)
    title, at = "Webhooks", store_time(store, known.webhooks_set_at)
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
            "delivery",
            title,
            State.DONE,
            "Deliveries arrive, signed with this store’s secret.",
            store_time(store, last),
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
    title, effect = "Access key", "The page Access keys creates, names and revokes keys."
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


def store_time(store: Store, at: datetime | None) -> LocalTime | None:
    """Return a moment in the store's zone; None for None."""
    return None if at is None else local_time(at, store.calendar.zone)
