"""Packages: the source that counts, and for which variation."""

from __future__ import annotations

import pytest

from bridge.domain.orders.packages import Package, package_of

PACKAGES = {
    (10, 0): Package(10, shop_tokens=100),
    (11, 0): Package(11, shop_tokens=100, admin_tokens=7),
    (12, 0): Package(12, shop_tokens=100, admin_tokens=0),
    (13, 0): Package(13, shop_tokens=0),
    (14, 0): Package(14),
    (15, 0): Package(15, shop_tokens=1),
    (15, 16): Package(15, 16, shop_tokens=16),
    (15, 17): Package(15, 17),
    (15, 18): Package(15, 18, admin_tokens=0),
    (20, 21): Package(20, 21, shop_tokens=21),
}


@pytest.mark.parametrize(
    ("product", "variation", "tokens"),
    [
        (10, 0, 100),
        (11, 0, 7),
        (12, 0, 0),
        (13, 0, 0),
        (14, 0, None),
        (99, 0, None),
        (15, 16, 16),
        (15, 17, 1),
        (15, 18, 0),
        (15, 99, 1),
        (20, 21, 21),
        (20, 22, None),
        (20, 0, None),
    ],
)
def test_amount_of_a_line(product, variation, tokens):
    found = package_of(PACKAGES, product_id=product, variation_id=variation)

    assert (None if found is None else found.tokens) == tokens
