"""Linked sites through the API: the first steps of most tests of them."""

from __future__ import annotations

from typing import Any

from tests.factories import Shop, put_user

BLOG = {"url": "https://blog.example.com/", "name": "Ada's blog"}


def link(shop: Shop, user_id: int = 2, **more: Any) -> dict[str, Any]:
    """Link a site to a user; return the response with its key."""
    put_user(shop, user_id)
    response = shop.client.post(f"/v1/users/{user_id}/sites", json=BLOG | more, headers=shop.headers)
    assert response.status_code == 201, response.text
    return response.get_json()


def bearer(key: str) -> dict[str, str]:
    """Return the headers of a call with this key."""
    return {"Authorization": f"Bearer {key}"}


def account(shop: Shop, key: str) -> Any:
    """Return the account that a site sees with this key."""
    return shop.client.get("/v1/account", headers=bearer(key))


def rotate(shop: Shop, site: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Rotate the key of a site."""
    response = shop.client.post(f"/v1/sites/{site['id']}/rotate", json=body, headers=shop.headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def listed(shop: Shop, user_id: int = 2) -> list[dict[str, Any]]:
    """Return a user's sites."""
    return shop.client.get(f"/v1/users/{user_id}/sites", headers=shop.headers).get_json()["items"]
