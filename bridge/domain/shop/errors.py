"""Errors between us and a shop, each with the owner's remedy as its detail."""

from __future__ import annotations

from bridge.domain.errors import ShopUnreachable


class BadShopAddress(ShopUnreachable):
    """The shop's address or its keys cannot be used as they are written."""

    code = "bad_shop_address"


class ShopRefused(ShopUnreachable):
    """The shop does not know these keys, or they may not do that."""

    code = "shop_refused"


class ShopBusy(ShopUnreachable):
    """The shop asks us to slow down."""

    code = "shop_busy"


class ShopBroken(ShopUnreachable):
    """The shop answered with an error, or with something that is no answer."""

    code = "shop_broken"


class ShopSilent(ShopUnreachable):
    """The shop could not be reached, or did not answer in time."""

    code = "shop_silent"


class ShopMoved(ShopUnreachable):
    """The shop sends us on to another address."""

    code = "shop_moved"


class ShopKeysRefused(ShopRefused):
    """The shop refuses the REST keys themselves."""

    code = "shop_keys_refused"


class ShopBlocked(ShopRefused):
    """Something between us and the shop's REST API answers in its place."""

    code = "shop_blocked"


class ShopInMaintenance(ShopBroken):
    """The shop is in maintenance mode."""

    code = "shop_in_maintenance"


class ShopPageBroken(ShopBroken):
    """The shop cannot answer this request; a smaller one may work."""

    code = "shop_page_broken"


class ShopIgnoresQuery(ShopBroken):
    """The shop's answer does not fit the query parameters of the request."""

    code = "shop_ignores_query"


class ShopCannotFilter(ShopIgnoresQuery):
    """The shop pages its orders, and cannot list those that changed."""

    code = "shop_cannot_filter"


class ShopBudgetSpent(ShopUnreachable):
    """This run may not send more requests to the shop."""

    code = "shop_budget_spent"
