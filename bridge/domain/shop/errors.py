"""Errors of requests to a shop; the detail says what the owner can do."""

from __future__ import annotations

from bridge.domain.errors import BridgeError, ShopUnreachable


class BadShopAddress(ShopUnreachable):
    """The shop's address or its REST keys are not valid; check how they are written."""

    code = "bad_shop_address"


class ShopRefused(ShopUnreachable):
    """The shop refused the request: it does not accept the REST keys, or they lack the permission."""

    code = "shop_refused"


class ShopBusy(ShopUnreachable):
    """The shop limits the number of requests; it is tried again later."""

    code = "shop_busy"


class ShopBroken(ShopUnreachable):
    """The shop responded with an error, or with a response that cannot be read."""

    code = "shop_broken"


class ShopSilent(ShopUnreachable):
    """The shop could not be reached, or did not respond in time."""

    code = "shop_silent"


class ShopMoved(ShopUnreachable):
    """The shop redirects to another address; enter that address."""

    code = "shop_moved"


class ShopKeysRefused(ShopRefused):
    """The shop does not accept the REST keys; create new ones."""

    code = "shop_keys_refused"


class ShopBlocked(ShopRefused):
    """Something in front of the shop's REST API, such as a firewall, responds in its place."""

    code = "shop_blocked"


class ShopInMaintenance(ShopBroken):
    """The shop is in maintenance mode."""

    code = "shop_in_maintenance"


class ShopPageBroken(ShopBroken):
    """The shop failed to produce this page of results; a smaller page may work."""

    code = "shop_page_broken"


class ShopIgnoresQuery(ShopBroken):
    """The shop ignores the query parameters of the request."""

    code = "shop_ignores_query"


class ShopCannotFilter(ShopIgnoresQuery):
    """The shop cannot list the orders that changed."""

    code = "shop_cannot_filter"


class ShopBudgetSpent(ShopUnreachable):
    """This run has sent as many requests to the shop as it may; the next run continues."""

    code = "shop_budget_spent"


class CheckRunning(BridgeError):
    """The shop is being checked for another request; wait a few seconds, then try again."""

    code = "check_running"
    retry_after_seconds = 5
