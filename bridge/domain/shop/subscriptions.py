"""Our webhooks in a shop: those required, those that exist, and the steps to repair them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.created",
    "product.updated",
    "product.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)

_MAKER = "Token Bridge "


class SubscriptionState(StrEnum):
    """The state of a webhook in relation to this service.

    `astray` is ours and delivers elsewhere, `moved` is ours by its name and
    delivers to a bridge at another address: our former one, or a copy of us.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    WRONG_URL = "astray"
    OTHER_INSTANCE = "moved"
    UNMANAGED = "foreign"


class Action(StrEnum):
    """The step to take with a webhook."""

    KEEP = "keep"
    CREATE = "create"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as the shop lists it, without its secret and its count of failures."""

    id: int
    topic: str
    status: str
    delivery_url: str
    name: str


@dataclass(frozen=True, slots=True)
class Address:
    """The delivery URL of our webhooks, and the mark in their names that identifies them."""

    url: str
    mark: str

    def name_of(self, topic: str) -> str:
        """Return the name of our webhook for a topic in the shop."""
        return f"{_MAKER}{topic} [{self.mark}]"


@dataclass(frozen=True, slots=True)
class Step:
    """One step to repair a shop's webhooks; `webhook_id` is 0 for one to create."""

    action: Action
    topic: str
    webhook_id: int = 0
    why: str = ""


def state_of(webhook: Webhook, address: Address) -> SubscriptionState:
    """Return the state of a webhook; one that neither delivers to us nor has our mark is foreign."""
    if webhook.delivery_url == address.url:
        known = {
            subscription_state.value: subscription_state
            for subscription_state in (SubscriptionState.ACTIVE, SubscriptionState.PAUSED)
        }
        return known.get(webhook.status, SubscriptionState.DISABLED)
    if not is_marked(webhook, address):
        return SubscriptionState.UNMANAGED
    try:
        here, there = urlsplit(address.url), urlsplit(webhook.delivery_url)
    except ValueError:
        return SubscriptionState.WRONG_URL
    is_bridge = there.path == here.path and there.netloc.casefold() != here.netloc.casefold()
    return SubscriptionState.OTHER_INSTANCE if is_bridge else SubscriptionState.WRONG_URL


def is_marked(webhook: Webhook, address: Address) -> bool:
    """Return whether we created the webhook, by its name: others do not have the mark."""
    return webhook.name.startswith(_MAKER) and webhook.name.endswith(f"[{address.mark}]")


def are_all_ours(found: Iterable[Webhook], address: Address) -> bool:
    """Return whether every topic has an active webhook with our mark, which only our secret gives."""
    ours = {
        webhook.topic
        for webhook in found
        if state_of(webhook, address) is SubscriptionState.ACTIVE and is_marked(webhook, address)
    }
    return ours.issuperset(TOPICS)


def plan(
    found: Iterable[Webhook],
    address: Address,
    *,
    is_recreated: bool = False,
    replaced: Collection[SubscriptionState] = (),
) -> list[Step]:
    """Return the steps, in order, that give every topic one active webhook of ours.

    A webhook that was paused or disabled is recreated and not activated again:
    activating keeps its count of failures, and the next failure disables it. `is_recreated`
    replaces the healthy ones too; `replaced` are further states whose webhooks are
    deleted. A topic's new webhook is created before the old one is deleted.
    """
    wanted = {SubscriptionState.PAUSED, SubscriptionState.DISABLED, SubscriptionState.WRONG_URL, *replaced}
    steps: list[Step] = []
    ours: dict[str, list[Webhook]] = {topic: [] for topic in TOPICS}
    for webhook in sorted(found, key=lambda webhook: webhook.id):
        if webhook.topic in ours and state_of(webhook, address) is not SubscriptionState.UNMANAGED:
            ours[webhook.topic].append(webhook)
    for topic, webhooks in ours.items():
        active = [webhook for webhook in webhooks if state_of(webhook, address) is SubscriptionState.ACTIVE]
        if active and not is_recreated:
            steps.append(Step(Action.KEEP, topic, active[0].id, "active"))
        else:
            steps.append(Step(Action.CREATE, topic, why="recreated" if active else "there is no active one"))
        for webhook in webhooks:
            subscription_state = state_of(webhook, address)
            is_extra = webhook in active[1:] and is_marked(webhook, address)
            if (
                subscription_state in wanted
                or is_extra
                or (is_recreated and subscription_state is SubscriptionState.ACTIVE)
            ):
                steps.append(
                    Step(Action.DELETE, topic, webhook.id, "one too many" if is_extra else subscription_state.value)
                )
    return steps
