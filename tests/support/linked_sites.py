"""Linked sites through the API: what most tests of them begin with."""

from __future__ import annotations

from typing import Any

from tests.factories import Shop, put_user

BLOG = {"url": "https://blog.example.com/", "name": "Ada's blog"}


def link(shop: Shop, user_id: int = 2, **more: Any) -> dict[str, Any]:
    """Link a site to a user; the answer with its key."""
    put_user(shop, user_id)
    response = shop.client.post(f"/v1/users/{user_id}/sites", json=BLOG | more, headers=shop.headers)
    assert response.status_code == 201, response.text
    return response.get_json()


def bearer(key: str) -> dict[str, str]:
    """Return what a call with this key sends."""
    return {"Authorization": f"Bearer {key}"}


def account(shop: Shop, key: str) -> Any:
    """Return what a site is told with this key."""
    return shop.client.get("/v1/account", headers=bearer(key))


def rotate(shop: Shop, site: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Give a site a fresh key."""
    response = shop.client.post(f"/v1/sites/{site['id']}/rotate", json=body, headers=shop.headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def listed(shop: Shop, user_id: int = 2) -> list[dict[str, Any]]:
    """A user's sites."""
    return shop.client.get(f"/v1/users/{user_id}/sites", headers=shop.headers).get_json()["items"]
