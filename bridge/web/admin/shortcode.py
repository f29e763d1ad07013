"""The page that chooses what the usage widget shows, and writes the shortcode for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from bridge.domain.admin.admins import Role
from bridge.domain.stores.shortcode import FORBIDDEN, MAX_TEXT, VIEWS, Shortcode
from bridge.domain.stores.stores import Store
from bridge.services.metering.overview import get_policy
from bridge.services.stores import settings, shortcodes
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("shortcode", __name__, url_prefix="/admin/<store>/credits/shortcode")

_FIELDS = ("title", "buy_label")


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
            typed=typed or {"title": choice.title, "buy_label": choice.buy_label},
            errors=errors,
            is_saved=choice == store.shortcode and not errors,
            open_questions=count_exceptions(connection, store),
        )
    return render_template("admin/shortcode.html", page=page, store=store, admin=current_admin())


def _read(values: MultiDict[str, str], keys: Sequence[str]) -> tuple[Shortcode, dict[str, str]]:
    """Return the choice of a form, and a sentence for each field that is invalid and left out of it."""
    errors: dict[str, str] = {}
    texts = dict.fromkeys(_FIELDS, "")
    for name in _FIELDS:
        text = values.get(name, "").strip()
        if len(text) > MAX_TEXT or not text.isprintable() or set(text) & set(FORBIDDEN):
            errors[name] = f"Enter up to {MAX_TEXT} characters in one line, without {' '.join(FORBIDDEN)}"
        else:
            texts[name] = text
    wanted = values.getlist("module")
    modules = tuple(key for key in keys if key in wanted)
    if keys and not modules:
        errors["modules"] = "Choose at least one module."
    view = values.get("view", "")
    if view not in VIEWS:
        errors["view"] = f"Choose one of {', '.join(VIEWS)}."
    choice = Shortcode(
        # All modules are written as none, so that a new module is shown as well.
        modules=() if len(modules) == len(keys) else modules,
        view=view if view in VIEWS else VIEWS[0],
        title=texts["title"],
        shows_purchases="purchases" in values,
        shows_buy="buy" in values,
        buy_label=texts["buy_label"],
    )
    return choice, errors
