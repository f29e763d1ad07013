"""More actions of a random history: the owner's edits, outages of the service, failing webhooks."""

from __future__ import annotations

import random

from fakeshop.model.orders import Order
from tests.histories.history_state import HistoryState

_OUTAGE_STATUSES = (None, None, 500, 502, 503, 404, 401, 429, 301)
_LONGEST_OUTAGE = 8


def trash(history: HistoryState, rng: random.Random) -> str | None:
    """Move an order to the trash."""
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if order is None:
        return None
    history.shop.trash(order.id)
    return f"order {order.id} goes to the trash"


def restore(history: HistoryState, rng: random.Random) -> str | None:
    """Restore an order from the trash."""
    order = history.pick_order(rng, lambda order: order.status == "trash")
    if order is None:
        return None
    history.shop.restore(order.id)
    return f"order {order.id} is restored, {order.status}"


def force_delete(history: HistoryState, rng: random.Random) -> str | None:
    """Delete an order permanently; no webhook is sent."""
    order = history.pick_order(rng, lambda _: True)
    if order is None:
        return None
    history.shop.force_delete(order.id)
    return f"order {order.id} is deleted for good, silently"


def reassign(history: HistoryState, rng: random.Random) -> str | None:
    """Give an order to another user."""
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if order is None:
        return None
    history.shop.reassign(order.id, history.pick_user(rng))
    return f"order {order.id} is user {order.customer_id}'s now"


def edit_quantity(history: HistoryState, rng: random.Random) -> str | None:
    """Edit a line's quantity; the money stays."""
    order = history.pick_order(rng, lambda order: order.status != "trash" and bool(order.lines))
    if order is None:
        return None
    line = rng.choice(order.lines)
    before = line.quantity
    history.shop.edit_quantity(order.id, line.id, rng.randrange(1, 7))
    return f"order {order.id}: line {line.id} has {line.quantity} pieces instead of {before}"


def save(history: HistoryState, rng: random.Random) -> str | None:
    """Save an order without a change."""
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if order is None:
        return None
    history.shop.save(order.id)
    return f"order {order.id} is saved as it is"


def note(history: HistoryState, rng: random.Random) -> str | None:
    """Add a note, or change the customer's own one."""
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if order is None:
        return None
    if rng.random() < 0.5:
        history.shop.add_note(order.id, "called back")
        return f"order {order.id} gets a note"
    history.shop.set_customer_note(order.id, "Ünïcode “quotes” / slash & <b>")
    return f"order {order.id}: the buyer's note is changed"


def set_role(history: HistoryState, rng: random.Random) -> str | None:
    """Change the roles of a user who owns no webhook or key."""
    staff = {1} | {webhook.user_id for webhook in history.shop.webhooks.values()}
    staff |= {key.user_id for key in history.shop.keys.values()}
    others = sorted(set(history.shop.users) - staff)
    if not others:
        return None
    user_id = rng.choice(others)
    roles = rng.sample(("customer", "subscriber", "editor", "author"), rng.randrange(1, 3))
    history.shop.set_role(user_id, *roles)
    return f"user {user_id} is {' and '.join(roles)}"


def demote_owner(history: HistoryState, rng: random.Random) -> str | None:
    """Remove the rights of the webhooks' owner while the queue runs: errors are sent instead of orders."""
    owners = sorted({webhook.user_id for webhook in history.shop.webhooks.values()} & set(history.shop.users))
    if not owners:
        return None
    owner = rng.choice(owners)
    roles = history.shop.user(owner).roles
    history.shop.set_role(owner, "subscriber")
    sent = history.run_queue()
    history.shop.set_role(owner, *roles)
    return f"user {owner} loses his rights, {len(sent)} deliveries are sent, he has them back"


def delete_user(history: HistoryState, rng: random.Random) -> str | None:
    """Delete a user whose orders were all delivered as completed for them."""
    staff = {1} | {webhook.user_id for webhook in history.shop.webhooks.values()}
    staff |= {key.user_id for key in history.shop.keys.values()} | history.registered
    orders: dict[int, list[Order]] = {}
    for order in history.shop.orders.values():
        orders.setdefault(order.customer_id, []).append(order)
    fitting = [
        user_id
        for user_id in sorted(set(history.shop.users) - staff)
        if all(
            history.completed_for.get(order.id) == user_id and order.completed_for == user_id
            for order in orders.get(user_id, ())
        )
    ]
    if not fitting or len(history.shop.users) < 5:
        return None
    user_id = rng.choice(fitting)
    history.shop.delete_user(user_id)
    return f"user {user_id} is deleted; {len(orders.get(user_id, ()))} orders have no customer"


def delete_product(history: HistoryState, rng: random.Random) -> str | None:
    """Delete a product whose orders were all delivered; the shop keeps at least five."""
    unheard = {
        line.product_id
        for order in history.shop.orders.values()
        if order.id not in history.delivered
        for line in order.lines
    }
    whole = [product.id for product in history.shop.products.values() if product.type != "variation"]
    fitting = [product_id for product_id in whole if product_id not in unheard]
    if not fitting or len(whole) <= 5:
        return None
    product_id = rng.choice(fitting)
    history.shop.delete_product(product_id)
    return f"product {product_id} is deleted"


def add_package(history: HistoryState, rng: random.Random) -> str | None:
    """Add a new package and deliver it."""
    if not history.would_arrive("product.updated"):
        return None
    tokens = rng.choice((1, 7, 999, 12_345, 1_000_000))
    product = history.shop.add_package(f"Package of {tokens}", "9.99", tokens, sku=f"P{tokens}")
    history.shop.save_product(product.id)
    history.run_queue()
    return f"product {product.id} is a new package of {tokens}; the queue runs"


def set_tokens(history: HistoryState, rng: random.Random) -> str | None:
    """Change and deliver the amount of a package without orders."""
    fitting = [
        product.id
        for product in history.shop.products.values()
        if product.sold == 0 and product.type == "simple" and product.meta_value("_tokens_granted")
    ]
    if not fitting or not history.would_arrive("product.updated"):
        return None
    product_id, tokens = rng.choice(fitting), rng.randrange(1, 200_000)
    history.shop.set_product_tokens(product_id, tokens)
    history.run_queue()
    return f"product {product_id} is worth {tokens}; the queue runs"


def run_queue(history: HistoryState, _rng: random.Random) -> str:
    """Run the whole queue."""
    sent = history.run_queue()
    return f"the queue runs: {len(sent)} deliveries, {sum(delivery.is_success for delivery in sent)} taken"


def run_part_of_queue(history: HistoryState, rng: random.Random) -> str:
    """Run a few deliveries of the queue."""
    sent = history.run_queue(limit=rng.randrange(1, 5))
    return f"part of the queue runs: {len(sent)} deliveries, {len(history.shop.queue)} wait"


def outage(history: HistoryState, rng: random.Random) -> str:
    """Let the next deliveries fail: refused, with an error, or behind a redirect that loses them."""
    count, status = rng.randrange(1, _LONGEST_OUTAGE + 1), rng.choice(_OUTAGE_STATUSES)
    history.shop.fail_next(count, status=status)
    return f"the next {count} deliveries get {status or 'no answer'}"


def disable(history: HistoryState, rng: random.Random) -> str | None:
    """Fail deliveries until order.updated is disabled."""
    hooks = [
        hook for hook in history.shop.webhooks.values() if hook.topic == "order.updated" and hook.status == "active"
    ]
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if not hooks or order is None:
        return None
    history.shop.fail_next(1_000_000, status=503)
    while hooks[0].status == "active":
        history.shop.save(order.id)
        history.run_queue()
    history.shop.fail_next(0)
    return f"webhook {hooks[0].id} is disabled by its failures"


def pause(history: HistoryState, rng: random.Random) -> str | None:
    """Pause a webhook; events meanwhile are lost."""
    active = [webhook.id for webhook in history.shop.webhooks.values() if webhook.status == "active"]
    if not active:
        return None
    webhook_id = rng.choice(active)
    history.shop.update_webhook(webhook_id, status="paused")
    return f"webhook {webhook_id} is paused"


def repair(history: HistoryState, _rng: random.Random) -> str | None:
    """Activate every webhook again."""
    stopped = [webhook.id for webhook in history.shop.webhooks.values() if webhook.status != "active"]
    for webhook_id in stopped:
        history.shop.update_webhook(webhook_id, status="active")
    return f"webhooks {stopped} are active again" if stopped else None
