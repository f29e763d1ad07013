"""The page that chooses what the usage widget shows, and writes the shortcode for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from bridge.domain.admin.admins import Role
from bridge.domain.stores.shortcode import FORBIDDEN, HEADINGS, MAX_INTRO, MAX_TEXT, MAX_URL, THEMES, VIEWS, Shortcode
from bridge.domain.stores.stores import Store
from bridge.services.metering.overview import get_policy
from bridge.services.stores import settings, shortcodes
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.widget.accent import read_accent
from bridge.web.widget.look import read_url

bp = Blueprint("shortcode", __name__, url_prefix="/admin/<store>/credits/shortcode")

_LENGTHS = {"title": MAX_TEXT, "intro": MAX_INTRO, "buy_label": MAX_TEXT, "buy_url": MAX_URL}
_FIELDS = (*_LENGTHS, "accent")
_VIEWS = {
    "full": "Full, with purchases",
    "summary": "Summary: balance and free use",
    "balance": "Balance: the number alone",
}
_THEMES = {"auto": "Like the page", "light": "Light", "dark": "Dark"}


@dataclass(frozen=True, slots=True)
class ModuleChoice:
    """A module of the store, and whether the shortcode shows it."""

    key: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ShortcodePage:
    """The contents of the page: the form with the choice, and the shortcode of it.

    `errors` has a sentence for each invalid field; then `shortcode` is that of
    the rest. `is_saved` is whether it is the store's default.
    """

    store: Store
    modules: tuple[ModuleChoice, ...]
    choice: Shortcode
    typed: dict[str, str]
    errors: dict[str, str]
    is_saved: bool
    open_questions: str
    views: dict[str, str]
    themes: dict[str, str]
    headings: tuple[tuple[int, str], ...]

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that send this choice."""
        choice = self.choice
        modules = (("module", module.key) for module in self.modules if module.is_chosen)
        flags = [("purchases", choice.shows_purchases), ("buy", choice.shows_buy)]
        return (
            *modules,
            ("view", choice.view),
            ("theme", choice.theme),
            ("heading", str(choice.heading)),
            *((name, getattr(choice, name)) for name in _FIELDS),
            *((name, "1") for name, is_on in flags if is_on),
        )


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the form; with the values of the address, which change nothing, or with the store's default."""
    return _page(store, request.args if "view" in request.args else None)


@bp.post("")
@needs(Role.OWNER)
def save(store: str) -> ResponseReturnValue:
    """Save the choice as the store's default."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        choice, errors = _read(request.form, get_policy(connection, found.id).module_keys)
    if errors:
        return _page(store, request.form), 422
    actor, now = current_admin().email, utcnow()
    in_transaction(lambda connection: shortcodes.save(connection, found, choice, actor=actor, now=now))
    flash("Saved. The widget of this store shows this where a request has no parameters of its own.")
    return redirect(url_for("shortcode.show", store=store), 303)


def _page(slug: str, values: MultiDict[str, str] | None) -> str:
    with reading() as connection:
        store = settings.get_store(connection, slug)
        policy = get_policy(connection, store.id)
        keys = policy.module_keys
        choice, errors = (store.shortcode, {}) if values is None else _read(values, keys)
        typed = {name: values.get(name, "") for name in _FIELDS} if values is not None else {}
        chosen = choice.modules or tuple(keys)
        page = ShortcodePage(
            store=store,
            modules=tuple(ModuleChoice(key, policy.label_of(key), key in chosen) for key in keys),
            choice=choice,
            typed=typed or {name: getattr(choice, name) for name in _FIELDS},
            errors=errors,
            is_saved=choice == store.shortcode and not errors,
            open_questions=count_exceptions(connection, store),
            views=_VIEWS,
            themes=_THEMES,
            headings=((0, "As usual"), *((level, f"Level {level}") for level in HEADINGS)),
        )
    return render_template("admin/shortcode.html", page=page, store=store, admin=current_admin())


def _read(values: MultiDict[str, str], keys: Sequence[str]) -> tuple[Shortcode, dict[str, str]]:
    """Return the choice of a form, and a sentence for each field that is invalid and left out of it."""
    errors: dict[str, str] = {}
    wanted = values.getlist("module")
    modules = tuple(key for key in keys if key in wanted)
    if keys and not modules:
        errors["modules"] = "Choose at least one module."
    texts = {name: _read_text(values, name, most, errors) for name, most in _LENGTHS.items()}
    if texts["buy_url"] and not read_url(texts["buy_url"]):
        errors["buy_url"] = "Enter an address that begins with https://, or a path of the site that begins with /."
        texts["buy_url"] = ""
    heading = values.get("heading", "0")
    if heading not in {"0", *map(str, HEADINGS)}:
        errors["heading"] = f"Choose one of {', '.join(map(str, HEADINGS))}."
        heading = "0"
    choice = Shortcode(
        # All modules are written as none, so that a new module is shown as well.
        modules=() if len(modules) == len(keys) else modules,
        view=_read_choice(values, "view", VIEWS, errors),
        title=texts["title"],
        intro=texts["intro"],
        theme=_read_choice(values, "theme", THEMES, errors),
        accent=_read_accent(values, errors),
        heading=int(heading),
        shows_purchases="purchases" in values,
        shows_buy="buy" in values,
        buy_label=texts["buy_label"],
        buy_url=texts["buy_url"],
    )
    return choice, errors


def _read_text(values: MultiDict[str, str], name: str, most: int, errors: dict[str, str]) -> str:
    text = values.get(name, "").strip()
    if len(text) > most or not text.isprintable() or set(text) & set(FORBIDDEN):
        errors[name] = f"Enter up to {most} characters in one line, without {' '.join(FORBIDDEN)}"
        return ""
    return text


def _read_choice(values: MultiDict[str, str], name: str, known: Sequence[str], errors: dict[str, str]) -> str:
    """Return one of the known values, the first one if the form has no such field."""
    value = values.get(name, known[0])
    if value not in known:
        errors[name] = f"Choose one of {', '.join(known)}."
        return known[0]
    return value


def _read_accent(values: MultiDict[str, str], errors: dict[str, str]) -> str:
    text = values.get("accent", "").strip()
    accent = read_accent(text)
    if text and accent is None:
        errors["accent"] = "Enter a color as #2d5bd7."
    return "" if accent is None else f"#{accent.color}"
