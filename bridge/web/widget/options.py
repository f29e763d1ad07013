"""The parameters for the content of the widget. An unknown value is replaced by the default and logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from unicodedata import category

from bridge.domain.stores.shortcode import Shortcode
from bridge.web.api.operations import Parameter
from bridge.web.return_links import RETURN_URL
from bridge.web.widget.look import note_ignored, read_url

MAX_TEXT = 300
"""The longest title, introduction or label; a longer one is cut."""
MAX_MODULES = 50
MAX_ROLES = 50
MAX_ROLE = 100
_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})


class View(StrEnum):
    """How much of the widget to show; `BALANCE` is the number alone, inside a line of text."""

    FULL = "full"
    SUMMARY = "summary"
    BALANCE = "balance"


_FLAG = {"type": "string", "enum": ["true", "false"]}
PARAMETERS = (
    Parameter(
        "modules", "Keys of modules to show, in this order, separated by commas.", {"type": "string"}, "chat,alt_text"
    ),
    Parameter("view", "What to show.", {"type": "string", "enum": [view.value for view in View]}, "full"),
    Parameter("title", "Title above the balance; an empty one shows none.", {"type": "string"}, "Your tokens"),
    Parameter("intro", "Sentence below the title.", {"type": "string"}, ""),
    Parameter(
        "labels",
        "Names of modules in place of the store's, as `key:name`, separated by commas.",
        {"type": "string"},
        "chat:Assistant",
    ),
    Parameter("purchasehistory", "Whether purchases are shown.", _FLAG, "true"),
    Parameter("buycredits", "Whether the button to buy tokens is shown.", _FLAG, "true"),
    Parameter("buycreditslabel", "Label of the button.", {"type": "string"}, "Buy tokens"),
    Parameter("buycreditsurl", "Target of the button: an `https` URL or a path.", {"type": "string"}, ""),
    Parameter(
        "account_url",
        "Page of your site that leads the user to the portal; with it, the widget links to all purchases.",
        {"type": "string"},
        "",
    ),
    Parameter("signin_url", "Page of your site where guests sign in.", {"type": "string"}, ""),
    RETURN_URL,
    Parameter(
        "roles",
        "Roles of the user, separated by commas. They are stored as by `PUT /v1/users/{user_id}`.",
        {"type": "string"},
        "",
    ),
)
"""The query parameters of the widget beside those of every fragment, for the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Options:
    """The content of the widget. None stands for the store's default.

    `labels` are names of modules. An empty URL means that there is no link.
    """

    view: View | None = None
    modules: tuple[str, ...] | None = None
    title: str | None = None
    intro: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    shows_purchases: bool | None = None
    shows_buy: bool | None = None
    buy_label: str = ""
    buy_url: str = ""
    account_url: str = ""
    signin_url: str = ""
    return_url: str = ""

    def over(self, default: Shortcode) -> Options:
        """Return the options with the store's own in place of those that are None."""
        return replace(
            self,
            view=View(default.view) if self.view is None else self.view,
            modules=default.modules if self.modules is None else self.modules,
            title=default.title if self.title is None else self.title,
            intro=default.intro if self.intro is None else self.intro,
            shows_purchases=default.shows_purchases if self.shows_purchases is None else self.shows_purchases,
            shows_buy=default.shows_buy if self.shows_buy is None else self.shows_buy,
            buy_label=self.buy_label or default.buy_label,
            buy_url=self.buy_url or default.buy_url,
        )


def read_options(values: Mapping[str, str]) -> Options:
    """Return the content that query parameters ask for."""
    return Options(
        view=_read_view(values),
        modules=_read_modules(values),
        title=_cut(values["title"]) if "title" in values else None,
        intro=_cut(values["intro"]) if "intro" in values else None,
        labels=_read_labels(values),
        shows_purchases=_read_flag(values, "purchasehistory"),
        shows_buy=_read_flag(values, "buycredits"),
        buy_label=_cut(values.get("buycreditslabel", "")),
        buy_url=_read_url(values, "buycreditsurl"),
        account_url=_read_url(values, "account_url"),
        signin_url=_read_url(values, "signin_url"),
        return_url=_read_url(values, "return_url"),
    )


def read_roles(values: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the roles of the user, each once; None without the parameter, or if it cannot be read."""
    if "roles" not in values:
        return None
    roles = tuple(dict.fromkeys(role.strip() for role in values["roles"].split(",") if role.strip()))
    if len(roles) > MAX_ROLES or any(len(role) > MAX_ROLE or not role.isprintable() for role in roles):
        note_ignored("roles", values["roles"])
        return None
    return roles


def known_modules(wanted: tuple[str, ...], keys: list[str]) -> list[str]:
    """Return the wanted modules that the store has, in the wanted order; all of the store if there are none."""
    shown = [key for key in wanted if key in keys]
    if len(shown) < len(wanted):
        note_ignored("modules", ",".join(key for key in wanted if key not in keys))
    return shown or keys


def _read_view(values: Mapping[str, str]) -> View | None:
    text = values.get("view", "")
    if text in set(View):
        return View(text)
    if text:
        note_ignored("view", text)
    return None


def _read_modules(values: Mapping[str, str]) -> tuple[str, ...] | None:
    if "modules" not in values:
        return None
    keys = tuple(dict.fromkeys(key.strip() for key in values["modules"].split(",") if key.strip()))
    if len(keys) > MAX_MODULES:
        note_ignored("modules", ",".join(keys[MAX_MODULES:]))
    return keys[:MAX_MODULES]


def _read_labels(values: Mapping[str, str]) -> dict[str, str]:
    labels = {}
    for part in filter(None, values.get("labels", "").split(",")[:MAX_MODULES]):
        key, separator, label = part.partition(":")
        if separator and label.strip():
            labels[key.strip()] = _cut(label)
        else:
            note_ignored("labels", part)
    return labels


def _read_flag(values: Mapping[str, str], name: str) -> bool | None:
    text = values.get(name, "").strip().casefold()
    if text and text not in _YES | _NO:
        note_ignored(name, text)
    return True if text in _YES else False if text in _NO else None


def _read_url(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "")
    url = read_url(text)
    if text and not url:
        note_ignored(name, text)
    return url


def _cut(text: str) -> str:
    """Return a text in one line, without control characters; joiners stay, which names and emoji need."""
    text = " ".join("".join(letter for letter in text if letter.isspace() or category(letter) != "Cc").split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
