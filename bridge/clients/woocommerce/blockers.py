"""Recognize what responds in place of a shop's REST API: challenges, firewalls, logins, maintenance pages.

Each is recognized by its headers or by words on its page, and has a message that
says what the owner can allow or change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.clients.woocommerce.answers import type_of
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.errors import ShopBlocked, ShopBroken, ShopInMaintenance

WP_DIE = "wp_die"
"""The code of WordPress' error document for a request that was ended before the REST API began."""

_READ = 2**16
_MAINTENANCE = (
    "the shop is in maintenance mode; the next run tries again. If the mode stays on, switch it off or exempt the path"
    " /wp-json/ from it"
)
_ALLOW = "allow this server's address for the path /wp-json/ there"

Kind = Callable[[str], ShopUnreachable]


@dataclass(frozen=True, slots=True)
class _Blocker:
    """A service that responds in place of the shop, recognized by a header or a pattern, with its message."""

    sentence: str
    headers: tuple[tuple[str, str], ...] = ()
    page: str = ""
    statuses: frozenset[int] = frozenset()
    kind: Kind = ShopBlocked

    def fits(self, status: int, headers: Mapping[str, str], page: str) -> bool:
        """Return whether a response comes from this blocker."""
        if self.statuses and status not in self.statuses:
            return False
        if any(re.search(pattern, headers.get(name, ""), re.IGNORECASE) for name, pattern in self.headers):
            return True
        return bool(self.page) and re.search(self.page, page, re.IGNORECASE) is not None


_REFUSING = frozenset({202, 400, 401, 403, 405, 406, 409, 415, 418, 429, 503})
"""Normal pages of a shop also mention its firewall and captcha in scripts; those have status 200."""

_BLOCKERS = (
    _Blocker(
        f"SiteGround's bot protection responds with a captcha in place of the shop; ask SiteGround to {_ALLOW}",
        (("SG-Captcha", "."),),
        r"sgcaptcha|/\.well-known/captcha",
    ),
    _Blocker(
        "Cloudflare responds with a challenge in place of the shop; add a Cloudflare rule (Security, WAF, custom rules)"
        " that skips the challenge for this server's address and the path /wp-json/",
        (("cf-mitigated", "challenge"),),
        r"<title>Just a moment|cf-chl|challenge-platform|cf_chl_opt|cdn-cgi/challenge",
        _REFUSING,
    ),
    _Blocker(
        "Cloudflare blocks this server's requests to the shop; add a Cloudflare rule (Security, WAF, custom rules) that"
        " skips them for this server's address and the path /wp-json/",
        page=r"Attention Required! \| Cloudflare|error code: 10\d\d|Sorry, you have been blocked",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"Imunify360 blocks this server's requests to the shop; ask the host to {_ALLOW}",
        (("Server", "imunify360"),),
        "imunify360",
        _REFUSING,
    ),
    _Blocker(
        f"Wordfence blocks this server's requests to the shop; {_ALLOW}",
        page="wordfence",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"Sucuri's firewall blocks this server's requests to the shop; {_ALLOW}",
        page="sucuri (website|firewall|cloudproxy)|cloudproxy@sucuri",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"NinjaFirewall blocks this server's requests to the shop; {_ALLOW}",
        page="ninjafirewall",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"Solid Security (iThemes) blocks this server's requests to the shop; {_ALLOW}",
        page="ithemes[ -]security|solid[ -]security|better-wp-security",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"All-In-One Security blocks this server's requests to the shop; {_ALLOW}",
        page=r"\baiowps|all.in.one.security",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"ModSecurity on the shop's server refuses the request; ask the host to {_ALLOW}",
        page="mod_?security|appropriate representation of the requested resource",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"Imperva (Incapsula) blocks this server's requests to the shop; {_ALLOW}",
        page="_Incapsula_Resource|Incapsula incident",
    ),
    _Blocker(
        f"a web application firewall of AWS responds with a challenge in place of the shop; {_ALLOW}",
        (("x-amzn-waf-action", "."),),
        "awswaf|aws-waf-token",
    ),
    _Blocker(
        f"BitNinja blocks this server's requests to the shop; ask the host to {_ALLOW}",
        page="bitninja",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"DDoS-Guard responds in place of the shop; {_ALLOW}",
        (("Server", "ddos-guard"),),
        page="ddos-guard",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"a page that tests for a browser answers in place of the shop; ask the host to {_ALLOW}",
        page=r"captcha|turnstile|not a (ro)?bot|are (you )?(a )?human|enable javascript and cookies",
        statuses=_REFUSING,
    ),
    _Blocker(
        f"a page that tests for a browser answers in place of the shop; ask the host to {_ALLOW}",
        page=r"slowAES|/aes\.js|<title>[^<]*(captcha|robot|not a bot|human|checking your browser|verif)",
    ),
    _Blocker(
        "a password protects the whole site (HTTP authentication); exempt the path /wp-json/ from it",
        (("WWW-Authenticate", "^basic|^digest"),),
        statuses=frozenset({401}),
    ),
    _Blocker(
        "the hosting provider has suspended the shop's account; contact the hosting provider",
        page=r"suspendedpage|account (has been |is )?suspended",
        kind=ShopBroken,
    ),
    _Blocker(
        "the shop's WordPress cannot reach its database; contact the hosting provider",
        page="Error establishing a database connection",
        kind=ShopBroken,
    ),
    _Blocker(
        _MAINTENANCE,
        page=r"maintenance|coming soon|under construction|launching soon|be back|wp-die-message|id=.error-page"
        rf'|"code":"{WP_DIE}"',
        statuses=frozenset({503}),
        kind=ShopInMaintenance,
    ),
    _Blocker(
        _MAINTENANCE,
        page=r"<title>[^<]*(maintenance|coming soon|under construction|launching soon|be back)",
        statuses=frozenset({200, 202, 401, 403}),
        kind=ShopInMaintenance,
    ),
    _Blocker(
        "the shop shows its login page in place of its REST API; exempt the path /wp-json/ from the plugin or setting"
        " that closes the site to visitors",
        page="id=.loginform",
    ),
)

_LOGIN = re.compile(r"wp-login\.php|/(login|log-in|signin|sign-in|my-account)(/|\?|$)|[?&]redirect_to=", re.IGNORECASE)
_SUSPENDED = re.compile(r"suspendedpage|suspended", re.IGNORECASE)


def fault_of_page(status: int, headers: Mapping[str, str], body: bytes) -> ShopUnreachable | None:
    """Return the error for a page that does not come from the REST API; None for an unknown page."""
    page = body[:_READ].decode("utf-8", "replace")
    for blocker in _BLOCKERS:
        if blocker.fits(status, headers, page):
            return blocker.kind(f"HTTP {status} {type_of(headers)}: {blocker.sentence}")
    return None


def fault_of_redirect(location: str) -> ShopUnreachable | None:
    """Return the error for a redirect to a login page or a page of the hosting provider; None for any other."""
    if _LOGIN.search(location):
        return ShopBlocked(
            "the shop redirects requests for its REST API to its login page; exempt the path /wp-json/ from the plugin"
            " or setting that closes the site to visitors"
        )
    if "wp-admin/install.php" in location:
        return ShopBroken("the shop's WordPress is not installed: it redirects to its installation page")
    if "captcha" in location.casefold():
        return ShopBlocked(f"a captcha page responds in place of the shop; ask the host to {_ALLOW}")
    if "wp-signup.php" in location:
        return ShopBroken("there is no site at this address of a WordPress network: it redirects to its sign-up page")
    if _SUSPENDED.search(location):
        return ShopBroken("the hosting provider has suspended the shop's account; contact the hosting provider")
    return None
