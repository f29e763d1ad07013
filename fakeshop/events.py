"""More of what can happen in a random history: the office, the listener's outages, the webhooks' bad days."""

from __future__ import annotations

import random

from fakeshop.orders import Order
from fakeshop.walk import Walk

_OUTAGE_STATUSES = (None, None, 500, 502, 503, 404, 401, 429, 301)
_LONGEST_OUTAGE = 8


def trash(walk: Walk, chance: random.Random) -> str | None:
    """An order goes to the trash."""
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if order is None:
        return None
    walk.shop.trash(order.id)
    return f"order {order.id} goes to the trash"


def restore(walk: Walk, chance: random.Random) -> str | None:
    """An order comes back from the trash."""
    order = walk.pick_order(chance, lambda order: order.status == "trash")
    if order is None:
        return None
    walk.shop.restore(order.id)
    return f"order {order.id} is restored, {order.status}"


def force_delete(walk: Walk, chance: random.Random) -> str | None:
    """An order is deleted for good, and nobody is told."""
    order = walk.pick_order(chance, lambda _: True)
    if order is None:
        return None
    walk.shop.force_delete(order.id)
    return f"order {order.id} is deleted for good, silently"


def reassign(walk: Walk, chance: random.Random) -> str | None:
    """An order is given to another user."""
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if order is None:
        return None
    walk.shop.reassign(order.id, walk.pick_user(chance))
    return f"order {order.id} is user {order.customer_id}'s now"


def edit_quantity(walk: Walk, chance: random.Random) -> str | None:
    """A line's quantity is edited; the money stays."""
    order = walk.pick_order(chance, lambda order: order.status != "trash" and bool(order.lines))
    if order is None:
        return None
    line = chance.choice(order.lines)
    before = line.quantity
    walk.shop.edit_quantity(order.id, line.id, chance.randrange(1, 7))
    return f"order {order.id}: line {line.id} has {line.quantity} pieces instead of {before}"


def save(walk: Walk, chance: random.Random) -> str | None:
    """Somebody presses Update."""
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if order is None:
        return None
    walk.shop.save(order.id)
    return f"order {order.id} is saved as it is"


def note(walk: Walk, chance: random.Random) -> str | None:
    """A note is added, or the buyer's own one changed."""
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if order is None:
        return None
    if chance.random() < 0.5:
        walk.shop.add_note(order.id, "called back")
        return f"order {order.id} gets a note"
    walk.shop.set_customer_note(order.id, "Ünïcode “quotes” / slash & <b>")
    return f"order {order.id}: the buyer's note is changed"


def set_role(walk: Walk, chance: random.Random) -> str | None:
    """A user who keeps no webhook or key gets other roles."""
    staff = {1} | {webhook.user_id for webhook in walk.shop.webhooks.values()}
    staff |= {key.user_id for key in walk.shop.keys.values()}
    others = sorted(set(walk.shop.users) - staff)
    if not others:
        return None
    user_id = chance.choice(others)
    roles = chance.sample(("customer", "subscriber", "editor", "author"), chance.randrange(1, 3))
    walk.shop.set_role(user_id, *roles)
    return f"user {user_id} is {' and '.join(roles)}"


def demote_owner(walk: Walk, chance: random.Random) -> str | None:
    """The webhooks' owner loses his rights while the queue runs: errors are told instead of orders."""
    owners = sorted({webhook.user_id for webhook in walk.shop.webhooks.values()} & set(walk.shop.users))
    if not owners:
        return None
    owner = chance.choice(owners)
    roles = walk.shop.user(owner).roles
    walk.shop.set_role(owner, "subscriber")
    sent = walk.run_queue()
    walk.shop.set_role(owner, *roles)
    return f"user {owner} loses his rights, {len(sent)} deliveries are sent, he has them back"


def delete_user(walk: Walk, chance: random.Random) -> str | None:
    """A user is deleted whose orders were all heard completed for him."""
    staff = {1} | {webhook.user_id for webhook in walk.shop.webhooks.values()}
    staff |= {key.user_id for key in walk.shop.keys.values()} | walk.registered
    orders: dict[int, list[Order]] = {}
    for order in walk.shop.orders.values():
        orders.setdefault(order.customer_id, []).append(order)
    fitting = [
        user_id
        for user_id in sorted(set(walk.shop.users) - staff)
        if all(walk.kept.get(order.id) == user_id and order.keeper_id == user_id for order in orders.get(user_id, ()))
    ]
    if not fitting or len(walk.shop.users) < 5:
        return None
    user_id = chance.choice(fitting)
    walk.shop.delete_user(user_id)
    return f"user {user_id} is deleted; his {len(orders.get(user_id, ()))} orders are nobody's"


def delete_product(walk: Walk, chance: random.Random) -> str | None:
    """A product is deleted whose orders were all heard; the shop keeps at least five."""
    unheard = {
        line.product_id for order in walk.shop.orders.values() if order.id not in walk.heard for line in order.lines
    }
    whole = [product.id for product in walk.shop.products.values() if product.type != "variation"]
    fitting = [product_id for product_id in whole if product_id not in unheard]
    if not fitting or len(whole) <= 5:
        return None
    product_id = chance.choice(fitting)
    walk.shop.delete_product(product_id)
    return f"product {product_id} is deleted"


def add_package(walk: Walk, chance: random.Random) -> str | None:
    """A new package is put on the shelf, and is heard."""
    if not walk.can_hear("product.updated"):
        return None
    tokens = chance.choice((1, 7, 999, 12_345, 1_000_000))
    product = walk.shop.add_package(f"Package of {tokens}", "9.99", tokens, sku=f"P{tokens}")
    walk.shop.save_product(product.id)
    walk.run_queue()
    return f"product {product.id} is a new package of {tokens}; the queue runs"


def set_tokens(walk: Walk, chance: random.Random) -> str | None:
    """A package nobody bought yet is worth something else, and is heard."""
    fitting = [
        product.id
        for product in walk.shop.products.values()
        if product.sold == 0 and product.type == "simple" and product.meta_value("_tokens_granted")
    ]
    if not fitting or not walk.can_hear("product.updated"):
        return None
    product_id, tokens = chance.choice(fitting), chance.randrange(1, 200_000)
    walk.shop.set_product_tokens(product_id, tokens)
    walk.run_queue()
    return f"product {product_id} is worth {tokens}; the queue runs"


def run_queue(walk: Walk, _chance: random.Random) -> str:
    """The queue runs dry."""
    sent = walk.run_queue()
    return f"the queue runs: {len(sent)} deliveries, {sum(delivery.is_success for delivery in sent)} taken"


def run_part_of_queue(walk: Walk, chance: random.Random) -> str:
    """The queue is cut off after a few deliveries."""
    sent = walk.run_queue(limit=chance.randrange(1, 5))
    return f"part of the queue runs: {len(sent)} deliveries, {len(walk.shop.queue)} wait"


def outage(walk: Walk, chance: random.Random) -> str:
    """The listener is away for the next deliveries: refused, with an error, or behind a redirect that loses them."""
    count, status = chance.randrange(1, _LONGEST_OUTAGE + 1), chance.choice(_OUTAGE_STATUSES)
    walk.shop.fail_next(count, status=status)
    return f"the next {count} deliveries get {status or 'no answer'}"


def disable(walk: Walk, chance: random.Random) -> str | None:
    """The listener is away until order.updated is disabled by its failures."""
    hooks = [hook for hook in walk.shop.webhooks.values() if hook.topic == "order.updated" and hook.status == "active"]
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if not hooks or order is None:
        return None
    walk.shop.fail_next(1_000_000, status=503)
    while hooks[0].status == "active":
        walk.shop.save(order.id)
        walk.run_queue()
    walk.shop.fail_next(0)
    return f"webhook {hooks[0].id} is disabled by its failures"


def pause(walk: Walk, chance: random.Random) -> str | None:
    """The owner pauses a webhook; what happens meanwhile is lost."""
    active = [webhook.id for webhook in walk.shop.webhooks.values() if webhook.status == "active"]
    if not active:
        return None
    webhook_id = chance.choice(active)
    walk.shop.update_webhook(webhook_id, status="paused")
    return f"webhook {webhook_id} is paused"


def repair(walk: Walk, _chance: random.Random) -> str | None:
    """The owner activates every webhook again."""
    stopped = [webhook.id for webhook in walk.shop.webhooks.values() if webhook.status != "active"]
    for webhook_id in stopped:
        walk.shop.update_webhook(webhook_id, status="active")
    return f"webhooks {stopped} are active again" if stopped else None
