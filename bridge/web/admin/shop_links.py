"""Links into the shop's own admin pages."""

from __future__ import annotations

from bridge.domain.stores.stores import Store


def order_url(store: Store, number: int) -> str:
    """Return the page of an order in WooCommerce; with order storage of its own, WooCommerce redirects from there."""
    return f"{store.url}/wp-admin/post.php?post={number}&action=edit"


def user_url(store: Store, user_id: int) -> str:
    """Return the page of a user in WordPress."""
    return f"{store.url}/wp-admin/user-edit.php?user_id={user_id}"


def product_url(store: Store, product_id: int) -> str:
    """Return the page of a product in WooCommerce."""
    return f"{store.url}/wp-admin/post.php?post={product_id}&action=edit"
