"""FakeShop: a WooCommerce shop that behaves like the recorded ones, without WordPress.

It stores products, users and orders, sends webhooks and answers REST
(`fakeshop.rest.server.serve`). The same seed, clock and calls produce the same shop.
"""

from __future__ import annotations

from fakeshop.model.products import ProductActions
from fakeshop.model.refunds import Refunds
from fakeshop.model.state import Clock
from fakeshop.model.users import UserActions
from fakeshop.webhooks.http_client import Send, send_over_http
from fakeshop.webhooks.queue import WebhookQueue


class FakeShop(Refunds, ProductActions, UserActions, WebhookQueue):
    """A shop with the products and users of the recorded one, with the same ids; its methods are the actions.

    Products: 10, 12 (virtual and downloadable: completed once paid) and the
    variations 16 and 17 of 15 are token packages, 11 is one by the AI Power
    plugin's keys, 13 has look-alike keys and is none, 14 is a mug.
    """

    def __init__(
        self,
        seed: int,
        *,
        clock: Clock,
        url: str = "http://127.0.0.1:8980",
        timezone: str = "America/New_York",
        send: Send = send_over_http,
        duplicates: float = 0.0,
    ) -> None:
        """Open the shop; `ShopState` documents the arguments."""
        super().__init__(seed, clock=clock, url=url, timezone=timezone, send=send, duplicates=duplicates)
        self._stock()
        self._create_users()

    def _stock(self) -> None:
        package = {"_is_token_package": "yes"}
        self.add_product(
            "100K Token Package", "10.00", sku="TOK-100K", number=10, meta={**package, "_tokens_granted": 100_000}
        )
        self.add_product(
            "250K Credit Package (AIPKit keys)",
            "20.00",
            sku="TOK-250K",
            number=11,
            is_taxed=True,
            meta={"_aipkit_is_token_package": "yes", "_aipkit_tokens_amount": 250_000},
        )
        self.add_product(
            "50K Token Package (virtual+downloadable)",
            "6.00",
            sku="TOK-50K-DL",
            number=12,
            is_downloadable=True,
            is_taxed=True,
            meta={**package, "_tokens_granted": 50_000},
        )
        self.add_product(
            "25K Token Package (public meta keys)",
            "3.50",
            sku="TOK-25K",
            number=13,
            is_taxed=True,
            meta={"is_token_package": "yes", "tokens_granted": 25_000},
        )
        self.add_product("Mug", "12.34", sku="MUG", number=14, is_virtual=False, is_taxed=True)
        self.add_product("Token Package (choose size)", "2.00", sku="TOK-VAR", number=15, is_taxed=True, meta=package)
        self.add_variation(15, "Small", "2.00", tokens=10_000, number=16)
        self.add_variation(15, "Large", "7.00", tokens=60_000, number=17)

    def _create_users(self) -> None:
        self.create_user("admin@example.test", roles=("administrator",))
        self.create_user("cust@example.test")
        self.create_user("sub@example.test", roles=("subscriber",))
        self.create_user("ed@example.test", roles=("editor",))
        self.create_user("adm2@example.test", roles=("administrator",))
        self.create_user("shopman@example.test", roles=("shop_manager",))
